// Call links and quiet: strangers who knock and are let in, or are not; who rings nowhere.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { AccountId, CarillonApi } from '@carillon/client';
import type { Person } from '../src/person.ts';
import { World } from '../src/world.ts';

/** As short as a call that nobody answers may be, here where machines are slow. */
const RING_SECONDS = 8;

type Page = { carillon: CarillonApi };

let world: World;
let ana: Person;
let bob: Person;
let eve: Person;

before(async () => {
  world = await World.open({ env: { CARILLON_SIGNALING_RING_SECONDS: String(RING_SECONDS) } });
  [ana, bob, eve] = await Promise.all([world.person('ana'), world.person('bob'), world.person('eve')]);
  await ana.signUp('Ana');
  await bob.signUp('Bob');
});
after(() => world?.close());

interface LinkOptions {
  readonly video?: boolean;
  readonly many?: boolean;
  readonly lobby?: boolean;
}

/** By the dialogs of the app; returns the address that is to be copied. */
async function makeLink(name: string, { video = true, many = false, lobby = true }: LinkOptions = {}): Promise<string> {
  await ana.get('profile').click();
  await ana.get('call-links').click();
  await ana.get('new-call-link').click();
  await ana.get('call-link-name').fill(name);
  await ana.get('call-link-video').setChecked(video);
  await ana.get('call-link-group').setChecked(many);
  await ana.get('call-link-lobby').setChecked(lobby);
  await ana.get('create-call-link').click();
  const link = ana.page.locator(`[data-testid="call-link"][data-name="${name}"]`);
  const url = await link.getByTestId('call-link-url').inputValue();
  await ana.closeDialog();
  return url;
}

async function knock(person: Person, url: string): Promise<void> {
  await person.page.goto(url);
  await person.get('join-call').click();
}

const over = (person: Person, end: string) =>
  person.page.locator(`[data-testid="join-words"][data-end="${end}"]`).waitFor();
const phase = (person: Person, now: string) =>
  person.page.locator(`[data-testid="join-words"][data-phase="${now}"]`).waitFor();
const admit = (handle: string) => ana.get(`knock-${handle}`).getByTestId('admit-knock').click();

/** Of both others: each sends 50 frames a second while there is something to hear. */
async function hearsThroughRoom(person: Person): Promise<void> {
  await person.page.waitForFunction(() => {
    const others = (globalThis as unknown as Page).carillon.calls.current?.others ?? [];
    return others.length === 2 && others.every(({ state, stream }) => state === 'joined' && stream !== undefined);
  });
  const from = await person.media();
  await person.mediaUntil(
    'sound is opened and heard',
    (facts) => facts.framesOpened > from.framesOpened + 20 && facts.audioEnergy > from.audioEnergy,
  );
}

/** In a call of two the first ends it for both; a room is left by each. */
async function hangUp(first: Person, ...others: Person[]): Promise<void> {
  const ofTwo = (await first.get('call-screen').getAttribute('data-mode')) === 'peer';
  await first.get('hang-up').click();
  for (const person of others) if (!ofTwo) await person.get('hang-up').click();
  for (const person of [first, ...others]) await person.get('call-screen').waitFor({ state: 'detached' });
}

test('[CLINK-1] a stranger opens a link, signs up, knocks, is let in, and both see and hear', async () => {
  const url = await makeLink('Office hours');
  await eve.page.goto(url);
  await eve.page.getByText('You opened a call link').waitFor();
  await eve.signUp('Eve');
  await eve.get('join-call').click();
  await phase(eve, 'waiting');
  await ana.get('knock-eve').getByText('Office hours').waitFor();
  // Only a knock: no conversation, and nothing that rings.
  assert.equal(await ana.get('conversation-eve').count(), 0);
  assert.equal(await ana.get('incoming-call').count(), 0);
  await admit('eve');
  await Promise.all([ana.callIs('active', 'peer'), eve.callIs('active', 'peer')]);
  await Promise.all([ana.seesAndHears(), eve.seesAndHears()]);
  assert.equal(new URL(eve.page.url()).hash, '');
  await hangUp(eve, ana);
});

test('[CLINK-2] who is not let in is told so', async () => {
  await knock(eve, await makeLink('Only friends'));
  await ana.get('knock-eve').getByTestId('refuse-knock').click();
  await over(eve, 'refused');
  await eve.page.getByText('Ana did not let you in.').waitFor();
  await ana.get('knock-eve').waitFor({ state: 'detached' });
  await eve.get('join-leave').click();
});

test('[CLINK-4] the owner is away: one waits with words, can cancel, and is seen when the owner comes', async () => {
  const url = await makeLink('Sundays', { video: false });
  await ana.page.goto('about:blank');
  await knock(eve, url);
  await eve.page.getByText('They may be offline').waitFor();
  await eve.get('join-leave').click();
  await eve.get('join-words').waitFor({ state: 'detached' });
  assert.equal(new URL(eve.page.url()).hash, '');
  await knock(eve, url);
  await phase(eve, 'knocking');
  await ana.page.goto(world.url);
  await admit('eve');
  await Promise.all([ana.callIs('active', 'peer'), eve.callIs('active', 'peer')]);
  await hangUp(ana, eve);
});

test('[CLINK-1] strangers meet in one group call, let in one by one, the second while the call runs', async () => {
  const url = await makeLink('Family', { many: true, video: false });
  await knock(bob, url);
  await admit('bob');
  await Promise.all([ana.callIs('active', 'room'), bob.callIs('active', 'room')]);
  await knock(eve, url);
  await admit('eve');
  await eve.callIs('active', 'room');
  await Promise.all([ana, bob, eve].map(hearsThroughRoom));
  // Two guests are no more to each other than they were.
  assert.equal(await bob.get('conversation-eve').count(), 0);
  await hangUp(eve, bob, ana);
});

test('[CLINK-6] without a lobby one comes in by oneself, and hears the owner once they speak', async () => {
  const url = await makeLink('Open house', { many: true, lobby: false, video: false });
  await knock(bob, url);
  await Promise.all([ana.callIs('active', 'room'), bob.callIs('active', 'room')]);
  const anaSpeaks = (on: boolean) =>
    bob.page.waitForFunction((wanted) => {
      const other = (globalThis as unknown as Page).carillon.calls.current?.others[0];
      return other?.state === 'joined' && other.microphoneOn === wanted && !other.cameraOn;
    }, on);
  await anaSpeaks(false);
  await ana.get('toggle-mic').click();
  await anaSpeaks(true);
  await hangUp(bob, ana);
});

test('[CLINK-2] a link that was taken back says so; one that is not whole, too', async () => {
  const url = await makeLink('Short');
  await ana.get('profile').click();
  await ana.get('call-links').click();
  const revoke = ana.page.locator('[data-testid="call-link"][data-name="Short"]').getByTestId('revoke-call-link');
  await revoke.click();
  await revoke.click();
  await revoke.waitFor({ state: 'detached' });
  await ana.closeDialog();
  await knock(eve, url);
  await over(eve, 'revoked');
  await eve.get('join-leave').click();
  await eve.page.goto(url.slice(0, -6));
  await eve.get('join-problem').getByText('not the whole of it').waitFor();
  await eve.get('join-leave').click();
});

test('[CLINK-9] no server keeps anything by which one could knock', async () => {
  const links = await ana.page.evaluate(async () =>
    (await (globalThis as unknown as Page).carillon.links.list()).map(({ id }) => id),
  );
  assert.ok(links.length >= 4);
  const files = readdirSync(world.dataDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const kept = files.map((entry) => readFileSync(path.join(entry.parentPath, entry.name)));
  const account = await ana.page.evaluate(() => (globalThis as unknown as Page).carillon.account!.accountId);
  assert.ok(kept.some((bytes) => bytes.includes(account) || bytes.includes(Buffer.from(account, 'base64url'))));
  for (const id of links) {
    const raw = Buffer.from(id, 'base64url');
    assert.ok(kept.every((bytes) => !bytes.includes(id) && !bytes.includes(raw)));
  }
});

test('[DND-1] who does not want to be disturbed hears nothing, the caller no answer, and it stands as missed', async () => {
  await ana.get('profile').click();
  await ana.get('do-not-disturb').selectOption('on');
  await ana.closeDialog();
  await ana.get('quiet-sign').waitFor();
  await bob.chatWith('ana');
  await bob.get('call-audio').click();
  await bob.page.getByText('No answer').first().waitFor();
  assert.equal(await ana.get('incoming-call').count(), 0);
  await bob.get('call-screen').waitFor({ state: 'detached' });
  await ana.get('profile').click();
  await ana.get('do-not-disturb').selectOption('off');
  await ana.closeDialog();
  await ana.chatWith('bob');
  await ana.page
    .locator('[data-testid="message"][data-type="call"]')
    .getByText(/missed/i)
    .last()
    .waitFor();
});

test('[DND-4] a stranger whose calls are not to ring reads why at once, and the call stands as missed', async () => {
  await ana.get('profile').click();
  await ana.get('privacy').click();
  await ana.get('calls-from').selectOption('accepted');
  await ana.closeDialog();
  await eve.chatWith('ana');
  await eve.get('call-audio').click();
  await eve.page.getByText('Ana has to accept you as a contact first').first().waitFor();
  assert.equal(await ana.get('incoming-call').count(), 0);
  await eve.get('call-screen').waitFor({ state: 'detached' });
  await ana.chatWith('eve');
  await ana.page
    .locator('[data-testid="message"][data-type="call"]')
    .getByText(/missed/i)
    .last()
    .waitFor();
});

test('[DND-5] without call waiting whoever calls meanwhile hears that the line is busy', async () => {
  await ana.get('profile').click();
  await ana.get('call-waiting').uncheck();
  await ana.closeDialog();
  await bob.get('call-audio').click();
  await ana.get('accept-audio').click();
  await Promise.all([ana.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
  await eve.get('call-audio').click();
  await eve.page.getByText('Ana is in another call').first().waitFor();
  assert.equal(await ana.get('incoming-call').count(), 0);
  await hangUp(bob, ana);
  await eve.get('call-screen').waitFor({ state: 'detached' });
  await ana.chatWith('bob');
});

test('[DND-3] who is blocked rings nowhere, and hears what an unanswered call hears', async () => {
  await ana.openInfo();
  await ana.get('contact-block').click();
  await ana.get('contact-block').click();
  await ana.page.waitForFunction(async () => {
    const { carillon } = globalThis as unknown as Page;
    return (await carillon.blocked()).length === 1;
  });
  const rung = ana.page.evaluate(
    (ms) =>
      new Promise<boolean>((resolve) => {
        const { carillon } = globalThis as unknown as Page;
        carillon.on('call', () => resolve(true));
        setTimeout(() => resolve(false), ms);
      }),
    RING_SECONDS * 1_000,
  );
  await bob.get('call-audio').click();
  await bob.callIs('ringing-out');
  await bob.page.locator('[data-testid="call-screen"]').getByText('No answer').first().waitFor();
  assert.equal(await rung, false);
  await bob.get('call-screen').waitFor({ state: 'detached' });
});

test('a call to nobody is answered in words', async () => {
  const nobody = await bob.page.evaluate(async (account) => {
    const { carillon } = globalThis as unknown as Page;
    const found = await carillon.startConversation('nobody-here').catch((error: { code?: string }) => error.code);
    const ended = new Promise<string>((resolve) => {
      carillon.on('call', ({ phase, words }) => phase === 'ended' && resolve(words));
    });
    await carillon.calls.start([account as AccountId], { video: false });
    return { found, words: await ended };
  }, 'A'.repeat(22));
  assert.equal(nobody.found, 'account-unknown');
  assert.match(nobody.words, /There is nobody with this name/);
});

test('a group’s conversation has a call for all of it', async () => {
  await bob.get('call-screen').waitFor({ state: 'detached' });
  await bob.chatWith('eve');
  await bob.say('Shall we?');
  await eve.chatWith('bob');
  await eve.makeGroup('Two', ['bob']);
  await eve.get('call-audio').click();
  await bob.get('accept-audio').click();
  await Promise.all([eve, bob].map((person) => person.callIs('active')));
  await hangUp(eve, bob);
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults, ...eve.faults], []);
});
