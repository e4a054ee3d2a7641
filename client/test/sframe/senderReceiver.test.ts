import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  CIPHER_SUITES,
  DEFAULT_SUITE,
  decodeHeader,
  decodeKid,
  encodeKid,
  ratchetKey,
  SFrameReceiver,
  SFrameSender,
} from '../../src/sframe/index.ts';
import { KEYS_PER_PARTICIPANT_MAX, RATCHET_AHEAD_MAX } from '../../src/sframe/receiver.ts';
import { REPLAY_WINDOW, ReplayWindow } from '../../src/sframe/replayWindow.ts';

const baseKey = new Uint8Array(32).fill(1);
const frame = new TextEncoder().encode('an encoded frame');
const metadata = Uint8Array.of(1, 2, 3);
const kid = encodeKid({ participant: 3, generation: 0, step: 0 });
const refused = (code: string) => ({ name: 'SFrameError', code });

async function pair(options: { replayWindow?: number } = {}) {
  const sender = await SFrameSender.create({ kid, baseKey });
  const receiver = new SFrameReceiver(options);
  await receiver.setKey(kid, baseKey);
  return { sender, receiver };
}

async function ratcheted(steps: number): Promise<Uint8Array> {
  let key: Uint8Array = baseKey;
  for (let n = 0; n < steps; n++) key = await ratchetKey(DEFAULT_SUITE, key);
  return key;
}

test('[SFRAME-2] frames open as they were, in every suite', async () => {
  for (const suite of Object.values(CIPHER_SUITES)) {
    const sender = await SFrameSender.create({ kid, baseKey, suite });
    const receiver = new SFrameReceiver({ suite });
    await receiver.setKey(kid, baseKey);
    for (let n = 0; n < 20; n++) {
      const plaintext = new Uint8Array(n * 100).fill(n);
      const sealed = await sender.encrypt(plaintext, metadata);
      assert.equal(sealed.length, decodeHeader(sealed).headerBytes + plaintext.length + suite.tagBytes);
      assert.deepEqual(await receiver.decrypt(sealed, metadata), plaintext);
    }
  }
});

test('[SFRAME-2] any changed bit, other metadata or another key is refused, in every suite', async () => {
  for (const suite of Object.values(CIPHER_SUITES)) {
    const sender = await SFrameSender.create({ kid, baseKey, suite });
    const receiver = new SFrameReceiver({ suite });
    await receiver.setKey(kid, baseKey);
    const sealed = await sender.encrypt(frame, metadata);
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = new Uint8Array(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      await assert.rejects(receiver.decrypt(changed, metadata), { name: 'SFrameError' }, `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length++) {
      await assert.rejects(receiver.decrypt(sealed.slice(0, length), metadata), { name: 'SFrameError' });
    }
    await assert.rejects(receiver.decrypt(sealed, Uint8Array.of(1, 2)), refused('not-authentic'));
    const stranger = new SFrameReceiver({ suite });
    await stranger.setKey(kid, new Uint8Array(32).fill(2));
    await assert.rejects(stranger.decrypt(sealed, metadata), refused('not-authentic'));
    assert.deepEqual(await receiver.decrypt(sealed, metadata), frame);
  }
});

test('[SFRAME-3] a counter is never used twice: not by frames at once, nor after a change of key', async () => {
  const { sender } = await pair();
  const first = Array.from({ length: 50 }, () => sender.encrypt(frame, metadata));
  await sender.setKey(encodeKid({ participant: 3, generation: 1, step: 0 }), new Uint8Array(32).fill(9));
  const second = Array.from({ length: 50 }, () => sender.encrypt(frame, metadata));
  const counters = (await Promise.all([...first, ...second])).map((sealed) => decodeHeader(sealed).ctr);
  assert.deepEqual(
    counters,
    Array.from({ length: 100 }, (_, n) => BigInt(n)),
  );
});

test('[SFRAME-6] a frame opens once; late ones within the window open, older ones do not', async () => {
  const { sender, receiver } = await pair();
  const sealed: Uint8Array<ArrayBuffer>[] = [];
  for (let n = 0; n < REPLAY_WINDOW + 2; n++) sealed.push(await sender.encrypt(frame, metadata));
  await receiver.decrypt(sealed[5]!, metadata);
  await receiver.decrypt(sealed[3]!, metadata);
  for (const n of [3, 5]) await assert.rejects(receiver.decrypt(sealed[n]!, metadata), refused('replayed'));
  await receiver.decrypt(sealed.at(-1)!, metadata);
  await assert.rejects(receiver.decrypt(sealed[1]!, metadata), refused('replayed'));
  await receiver.decrypt(sealed[2]!, metadata);
  const again = await Promise.allSettled([
    receiver.decrypt(sealed[9]!, metadata),
    receiver.decrypt(sealed[9]!, metadata),
  ]);
  assert.deepEqual(again.map((each) => each.status).sort(), ['fulfilled', 'rejected']);

  const lax = await pair({ replayWindow: 0 });
  const once = await lax.sender.encrypt(frame, metadata);
  await lax.receiver.decrypt(once, metadata);
  await lax.receiver.decrypt(once, metadata);
});

test('[SFRAME-6] the replay window agrees with a set of all that came', () => {
  const jump = fc.oneof(fc.integer({ min: -20, max: 20 }), fc.integer({ min: 10, max: 60 }));
  fc.assert(
    fc.property(fc.array(jump, { maxLength: 200 }), (jumps) => {
      const window = new ReplayWindow(16);
      const came = new Set<number>();
      let highest = -1;
      let at = 0;
      for (const by of jumps) {
        at = Math.max(0, at + by);
        const expected = !came.has(at) && highest - at < 16;
        assert.equal(window.accepts(BigInt(at)), expected);
        assert.equal(window.take(BigInt(at)), expected);
        came.add(at);
        highest = Math.max(highest, at);
      }
    }),
  );
});

test('[SFRAME-4] a KID names participant, generation and step', () => {
  assert.equal(encodeKid({ participant: 1, generation: 0, step: 0 }), 0x10000n);
  assert.equal(encodeKid({ participant: 0x12345, generation: 0x1ab, step: 0x1cd }), 0x12345abcdn);
  fc.assert(
    fc.property(fc.nat(), fc.nat({ max: 255 }), fc.nat({ max: 255 }), (participant, generation, step) => {
      const parts = { participant, generation, step };
      assert.deepEqual(decodeKid(encodeKid(parts)), parts);
    }),
  );
});

test('[SFRAME-4] a receiver follows a ratcheted sender within the bound, and never backwards', async () => {
  for (const steps of [1, 2, RATCHET_AHEAD_MAX]) {
    const { sender, receiver } = await pair();
    const old = await sender.encrypt(frame, metadata);
    await sender.setKey(encodeKid({ participant: 3, generation: 0, step: steps }), await ratcheted(steps));
    const sealed = await sender.encrypt(frame, metadata);
    assert.deepEqual(await receiver.decrypt(sealed, metadata), frame);
    await assert.rejects(receiver.decrypt(sealed, metadata), refused('replayed'));
    // What was under way under the key before still opens.
    assert.deepEqual(await receiver.decrypt(old, metadata), frame);

    const joiner = new SFrameReceiver();
    await joiner.setKey(sender.kid, await ratcheted(steps));
    await assert.rejects(joiner.decrypt(old, metadata), refused('unknown-key'));
  }
  const { sender, receiver } = await pair();
  const tooFar = RATCHET_AHEAD_MAX + 1;
  await sender.setKey(encodeKid({ participant: 3, generation: 0, step: tooFar }), await ratcheted(tooFar));
  const sealed = await sender.encrypt(frame, metadata);
  await assert.rejects(receiver.decrypt(sealed, metadata), refused('unknown-key'));
});

test('[SFRAME-4] a forged step leaves nothing behind, and the steps go round after 256', async () => {
  const { receiver } = await pair();
  const forger = await SFrameSender.create({
    kid: encodeKid({ participant: 3, generation: 0, step: 4 }),
    baseKey: new Uint8Array(32).fill(66),
  });
  await assert.rejects(receiver.decrypt(await forger.encrypt(frame, metadata), metadata), refused('not-authentic'));

  const around = new SFrameReceiver();
  await around.setKey(encodeKid({ participant: 3, generation: 0, step: 255 }), baseKey);
  const sender = await SFrameSender.create({ kid, baseKey: await ratcheted(1) });
  assert.deepEqual(await around.decrypt(await sender.encrypt(frame, metadata), metadata), frame);
});

test('[SFRAME-5] frames under the KID of another participant are refused', async () => {
  const { sender, receiver } = await pair();
  const sealed = await sender.encrypt(frame, metadata);
  await assert.rejects(receiver.decrypt(sealed, metadata, 4), refused('wrong-sender'));
  assert.deepEqual(await receiver.decrypt(sealed, metadata, 3), frame);
});

test('[SFRAME-5] without a key, or with a removed one, nothing opens', async () => {
  const { sender, receiver } = await pair();
  const next = async () => sender.encrypt(frame, metadata);
  receiver.removeKey(kid);
  await assert.rejects(receiver.decrypt(await next(), metadata), refused('unknown-key'));
  await receiver.setKey(kid, baseKey);
  await receiver.decrypt(await next(), metadata);
  receiver.removeParticipant(4);
  await receiver.decrypt(await next(), metadata);
  receiver.removeParticipant(3);
  await assert.rejects(receiver.decrypt(await next(), metadata), refused('unknown-key'));
});

test('[SFRAME-5] the oldest keys of a participant go, those of others stay', async () => {
  const { sender, receiver } = await pair();
  const other = encodeKid({ participant: 9, generation: 0, step: 0 });
  await receiver.setKey(other, baseKey);
  for (let generation = 1; generation <= KEYS_PER_PARTICIPANT_MAX; generation++) {
    await receiver.setKey(encodeKid({ participant: 3, generation, step: 0 }), new Uint8Array(32).fill(generation));
  }
  await assert.rejects(receiver.decrypt(await sender.encrypt(frame, metadata), metadata), refused('unknown-key'));
  await sender.setKey(other, baseKey);
  assert.deepEqual(await receiver.decrypt(await sender.encrypt(frame, metadata), metadata), frame);
});

test('[SFRAME-6] setting the same key again keeps what has been seen', async () => {
  const { sender, receiver } = await pair();
  const sealed = await sender.encrypt(frame, metadata);
  await receiver.decrypt(sealed, metadata);
  await receiver.setKey(kid, baseKey);
  await assert.rejects(receiver.decrypt(sealed, metadata), refused('replayed'));
});

test('[SFRAME-4] a sender that started over is heard again, also after its next step', async () => {
  const { sender, receiver } = await pair();
  await sender.setKey(encodeKid({ participant: 3, generation: 0, step: 1 }), await ratcheted(1));
  await receiver.decrypt(await sender.encrypt(frame, metadata), metadata);

  const freshKey = new Uint8Array(32).fill(77);
  const again = await SFrameSender.create({ kid, baseKey: freshKey });
  await receiver.setKey(kid, freshKey);
  assert.deepEqual(await receiver.decrypt(await again.encrypt(frame, metadata), metadata), frame);
  const step = encodeKid({ participant: 3, generation: 0, step: 1 });
  await again.setKey(step, await ratchetKey(DEFAULT_SUITE, freshKey));
  assert.deepEqual(await receiver.decrypt(await again.encrypt(frame, metadata), metadata), frame);
});
