// A third makes it a group call: through the SFU, sealed end to end.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { decodeKid, openEncodedFrame, SFrameReceiver } from '@carillon/client/sframe';
import { MediaSource } from '@carillon/protocol';
import type { Person } from '../src/person.ts';
import { forwarded } from '../src/taps.ts';
import { World } from '../src/world.ts';

let world: World;
let ana: Person;
let bob: Person;
let eva: Person;

before(async () => {
  world = await World.open({ taps: true });
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

/** Asserts where a person's keys have got to (RFC 9605, section 5.1), and that each was another. */
async function sealsUnder(person: Person, generation: number, step: number): Promise<void> {
  const keys = await person.frameKeys();
  const { participant: _, ...kid } = decodeKid(BigInt(keys.at(-1)!.kid));
  assert.deepEqual(kid, { generation, step }, person.handle);
  assert.equal(new Set(keys.map(({ key }) => key.join())).size, new Set(keys.map(({ kid }) => kid)).size);
}

test('[SFRAME-20] who joined was given no key of before: those who were in it went one step on', async () => {
  await Promise.all([sealsUnder(ana, 0, 1), sealsUnder(bob, 0, 1), sealsUnder(eva, 0, 0)]);
});

test('[SFRAME-21] someone leaves: keys change, and the two who stay go on', async () => {
  const before = new Map<Person, number>();
  for (const person of [ana, eva]) before.set(person, (await person.frameKeys()).length);
  await bob.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
  for (const person of [ana, eva]) {
    await person.page.waitForFunction(() => document.querySelectorAll('[data-testid="remote-video"]').length === 1);
  }
  await Promise.all([ana, eva].map((person) => person.keysAfter(before.get(person)!)));
  await Promise.all([sealsUnder(ana, 1, 0), sealsUnder(eva, 1, 0), decodes(ana), decodes(eva)]);
});

test('[CALL-83] who left is asked again: it rings, and all three are back', async () => {
  await ana.get('add-person').click();
  await ana.get('add-person-handle').fill('bob');
  await ana.page.keyboard.press('Enter');
  await bob.get('accept-video').click();
  await Promise.all([ana, bob, eva].map((person) => person.callIs('active', 'room')));
  for (const person of [ana, bob, eva]) {
    await person.page.waitForFunction(() => document.querySelectorAll('[data-testid="remote-video"]').length === 2);
  }
  await Promise.all([ana, bob, eva].map((person) => decodes(person)));
});

test('[SFRAME-1] what the sfu forwarded opens with the sender’s key, and not without', async () => {
  const keys = (await Promise.all([ana, bob, eva].map((person) => person.frameKeys()))).flat();
  assert.ok(keys.length >= 3);
  // One Opus frame is one packet; a video frame would have to be put together first.
  const all = forwarded(world.tapFiles.sfu).filter(({ source }) => source === MediaSource.MICROPHONE);
  assert.ok(all.length > 300);
  const sound = all.filter((_, index) => index % Math.floor(all.length / 300) === 0);
  const opened = async (key: (known: readonly number[]) => Uint8Array) => {
    // A receiver of a call keeps few keys of each sender; here all of them are wanted, one receiver each.
    const receivers = await Promise.all(
      keys.map(async (known) => {
        const receiver = new SFrameReceiver();
        await receiver.setKey(BigInt(known.kid), key(known.key));
        return receiver;
      }),
    );
    let count = 0;
    for (const { number, source, payload } of sound) {
      const frame = { data: Uint8Array.from(payload).buffer };
      const track = { kind: 'audio', source, participant: number } as const;
      const tries = await Promise.allSettled(receivers.map((receiver) => openEncodedFrame(receiver, frame, track)));
      if (tries.some(({ status }) => status === 'fulfilled')) count++;
    }
    return count;
  };
  assert.equal(await opened((known) => Uint8Array.from(known)), sound.length);
  assert.equal(await opened(() => randomBytes(32)), 0);
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults, ...eva.faults], []);
});
