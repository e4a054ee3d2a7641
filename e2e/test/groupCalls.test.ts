// A third makes it a group call: through the SFU, sealed end to end.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { decodeKid, SFrameReceiver } from '@carillon/client/sframe';
import { base64urlToBytes } from '@carillon/protocol';
import type { Person } from '../src/person.ts';
import { tapped } from '../src/taps.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: Person;
let bob: Person;
let eva: Person;

before(async () => {
  world = await World.open();
  [ana, bob, eva] = await Promise.all([world.person('ana'), world.person('bob'), world.person('eva')]);
  for (const person of [ana, bob, eva]) await person.signUp();
});
after(() => world?.close());

const decodes = (person: Person, more = 10) =>
  person
    .media()
    .then((from) =>
      person.mediaUntil(
        'frames are opened and decoded',
        (facts) =>
          facts.framesDecoded > from.framesDecoded + more &&
          facts.framesOpened > from.framesOpened &&
          facts.audioEnergy > from.audioEnergy,
      ),
    );

test('a third is added: all three send and receive sound and picture through the SFU', async () => {
  await ana.chatWith('bob');
  await ana.get('call-video').click();
  await bob.get('accept-video').click();
  await Promise.all([ana.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
  await ana.get('add-person').click();
  await ana.get('add-person-handle').fill('eva');
  await ana.page.keyboard.press('Enter');
  await eva.get('accept-video').click();
  await Promise.all([ana, bob, eva].map((person) => person.callIs('active', 'room')));
  for (const person of [ana, bob, eva]) {
    await person.page.waitForFunction(() => {
      const videos = [...document.querySelectorAll<HTMLVideoElement>('[data-testid="remote-video"]')];
      return videos.length === 2 && videos.every((video) => video.videoWidth > 0);
    });
  }
  for (const facts of await Promise.all([ana, bob, eva].map((person) => decodes(person))))
    assert.ok(facts.framesSealed > 0);
});

test('someone leaves: keys change, and the two who stay go on', async () => {
  await bob.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
  for (const person of [ana, eva]) {
    await person.page.waitForFunction(() => document.querySelectorAll('[data-testid="remote-video"]').length === 1);
  }
  await Promise.all([decodes(ana), decodes(eva)]);
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults, ...eva.faults], []);
});
void tapped;
void decodeKid;
void SFrameReceiver;
void base64urlToBytes;
