// Calls between real browsers: direct, relayed, reloaded, and through a server's death.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Person } from '../src/person.ts';
import { tapped } from '../src/taps.ts';
import { World } from '../src/world.ts';

/** Longer on demand: CARILLON_E2E_RELAY_SECONDS=600 for the ten minutes of a real call. */
const RELAY_SECONDS = Number(process.env.CARILLON_E2E_RELAY_SECONDS ?? 45);

let world: World;
let ana: Person;
let bob: Person;

before(async () => {
  world = await World.open({ taps: true });
  [ana, bob] = await Promise.all([world.person('ana'), world.person('bob')]);
  await ana.signUp('Ana');
  await bob.signUp('Bob');
  await ana.chatWith('bob');
  await ana.say('May I call?');
  await bob.chatWith('ana');
});
after(() => world?.close());

async function call(from: Person, to: Person): Promise<void> {
  await from.get('call-video').click();
  await to.get('incoming-call').waitFor();
  await from.callIs('ringing-out');
  await to.get('accept-video').click();
  await Promise.all([from.callIs('active', 'peer'), to.callIs('active', 'peer')]);
}

test('a video call rings, is accepted, and flows directly between the two', async () => {
  await call(ana, bob);
  const [atAna, atBob] = await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
  for (const { candidateTypes } of [atAna, atBob]) {
    assert.ok(
      candidateTypes.length > 0 && candidateTypes.every((type) => ['host', 'srflx', 'prflx'].includes(type)),
      candidateTypes.join(),
    );
  }
});

test('the microphone and the camera can be turned off and on', async () => {
  await ana.get('toggle-mic').click();
  await ana.page
    .locator('[data-testid="toggle-mic"][aria-pressed="true"], [data-testid="toggle-mic"][aria-pressed="false"]')
    .first()
    .waitFor();
  await bob.page.waitForFunction(() => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    return carillon.calls.current?.others[0]?.microphoneOn === false;
  });
  await ana.get('toggle-mic').click();
  await ana.get('toggle-camera').click();
  await bob.page.waitForFunction(() => {
    const { carillon } = globalThis as unknown as { carillon: import('@carillon/client').CarillonApi };
    const other = carillon.calls.current?.others[0];
    return other?.microphoneOn === true && other.cameraOn === false;
  });
  await ana.get('toggle-camera').click();
  await bob.seesAndHears();
});

test('[CALL-11] the server is killed and started again: the call goes on meanwhile', async () => {
  await world.kill();
  await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
  await world.start();
  await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
  await Promise.all([ana.callIs('active', 'peer'), bob.callIs('active', 'peer')]);
});

test('a browser that is reloaded in the call comes back to it', async () => {
  await bob.page.reload();
  await bob.get('rejoin').click();
  await bob.callIs('active', 'peer');
  await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
});

test('hanging up ends it on both sides, and it stands in the conversation', async () => {
  await ana.get('hang-up').click();
  await bob.get('call-screen').waitFor({ state: 'detached' });
  for (const person of [ana, bob])
    await person.page.locator('[data-testid="message"][data-type="call"]').first().waitFor();
});

test('declining is said to the caller', async () => {
  await ana.get('call-audio').click();
  await bob.get('incoming-call').waitFor();
  await bob.get('decline').click();
  await bob.get('incoming-call').waitFor({ state: 'detached' });
  await ana.page
    .getByText(/declined/i)
    .first()
    .waitFor();
});

test('whoever was away learns of the missed call', async () => {
  await bob.page.goto('about:blank');
  await ana.page.getByTestId('call-screen').waitFor({ state: 'detached' });
  await ana.get('call-audio').click();
  await ana.callIs('ringing-out');
  await ana.get('hang-up').click();
  await bob.page.goto(world.url);
  await bob.chatWith('ana');
  await bob.page
    .getByText(/missed/i)
    .first()
    .waitFor();
});

test('[TURN-4] with relay forced the same call runs through our relay, beyond 40 s, and the relay sees only ciphertext', async () => {
  await Promise.all([ana.page.goto(`${world.url}?relay=1`), bob.page.goto(`${world.url}?relay=1`)]);
  await ana.chatWith('bob');
  await bob.chatWith('ana');
  await call(ana, bob);
  const began = Date.now();
  const facts = await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
  for (const { candidateTypes } of facts) assert.deepEqual([...new Set(candidateTypes)], ['relay']);
  // Stock node-turn drops every call at 40 s: permissions and channels have been refreshed by then.
  do {
    await ana.page.waitForTimeout(5_000);
    await Promise.all([ana.seesAndHears(), bob.seesAndHears()]);
  } while (Date.now() - began < RELAY_SECONDS * 1000);
  const datagrams = tapped(world.tapFiles.turn);
  assert.ok(datagrams.length > 500);
  for (const datagram of datagrams) {
    // RFC 7983: STUN checks, DTLS records, SRTP and SRTCP; nothing else crosses the relay.
    const first = datagram[0] ?? 0;
    assert.ok(first <= 3 || (first >= 20 && first <= 63) || (first >= 128 && first <= 191), `first byte ${first}`);
  }
  const srtp = datagrams.filter((datagram) => (datagram[0] ?? 0) >= 128 && datagram.length > 200);
  assert.ok(meanEntropyBits(srtp.map((datagram) => datagram.subarray(40))) > 6.5);
  await ana.get('hang-up').click();
});

test('nothing failed unseen in the pages', () => {
  assert.deepEqual([...ana.faults, ...bob.faults], []);
});

/** Bits per byte: of VP8 or Opus headers it would be far below that of ciphertext. */
function meanEntropyBits(samples: readonly Buffer[]): number {
  const counts = new Float64Array(256);
  let total = 0;
  for (const sample of samples) {
    for (const byte of sample) counts[byte]!++;
    total += sample.length;
  }
  return counts.reduce((bits, count) => (count === 0 ? bits : bits - (count / total) * Math.log2(count / total)), 0);
}
