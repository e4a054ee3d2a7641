import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  clearPrefixBytes,
  type EncodedFrame,
  encodeKid,
  openEncodedFrame,
  SFrameReceiver,
  SFrameSender,
  sealEncodedFrame,
} from '../../src/sframe/index.ts';

const kid = encodeKid({ participant: 5, generation: 0, step: 0 });
const baseKey = new Uint8Array(32).fill(1);
const camera = { kind: 'video', source: 2 } as const;
const microphone = { kind: 'audio', source: 1 } as const;

async function room() {
  const sender = await SFrameSender.create({ kid, baseKey });
  const receiver = new SFrameReceiver();
  await receiver.setKey(kid, baseKey);
  return { sender, receiver };
}

const frameOf = (length: number, type?: 'key' | 'delta'): EncodedFrame => ({
  data: Uint8Array.from({ length }, (_, i) => i).buffer,
  type,
});

test('[SFRAME-7] only the bytes a router needs stay in the clear', async () => {
  assert.equal(clearPrefixBytes({ kind: 'audio', codec: 'opus' }), 1);
  assert.equal(clearPrefixBytes({ kind: 'video', codec: 'vp8', frameType: 'key' }), 10);
  assert.equal(clearPrefixBytes({ kind: 'video', codec: 'vp8', frameType: 'delta' }), 3);
  const { sender, receiver } = await room();
  for (const [frame, track, clear] of [
    [frameOf(200, 'key'), camera, 10],
    [frameOf(200, 'delta'), camera, 3],
    [frameOf(80), microphone, 1],
    [frameOf(3, 'delta'), camera, 3],
    [frameOf(1), microphone, 1],
  ] as const) {
    const data = await sealEncodedFrame(sender, frame, track);
    const sealed = new Uint8Array(data);
    const plain = new Uint8Array(frame.data);
    assert.deepEqual(sealed.subarray(0, clear), plain.subarray(0, clear));
    if (plain.length > 20)
      assert.equal(Buffer.from(sealed).includes(Buffer.from(plain.subarray(clear, clear + 8))), false);
    const opened = await openEncodedFrame(receiver, { data, type: frame.type }, { ...track, participant: 5 });
    assert.deepEqual(new Uint8Array(opened), plain);
  }
});

test('[SFRAME-7] a changed prefix, frame type, source or participant is refused', async () => {
  const { sender, receiver } = await room();
  const data = await sealEncodedFrame(sender, frameOf(200, 'key'), camera);
  const track = { ...camera, participant: 5 };
  for (let bit = 0; bit < 80; bit++) {
    const changed = new Uint8Array(data.slice(0));
    changed[bit >> 3]! ^= 1 << (bit & 7);
    await assert.rejects(openEncodedFrame(receiver, { data: changed.buffer, type: 'key' }, track), {
      name: 'SFrameError',
    });
  }
  await assert.rejects(openEncodedFrame(receiver, { data, type: 'delta' }, track), { name: 'SFrameError' });
  await assert.rejects(openEncodedFrame(receiver, { data, type: 'key' }, { ...track, source: 3 }), {
    code: 'not-authentic',
  });
  await assert.rejects(openEncodedFrame(receiver, { data, type: 'key' }, { ...track, participant: 6 }), {
    code: 'wrong-sender',
  });
  assert.equal((await openEncodedFrame(receiver, { data, type: 'key' }, track)).byteLength, 200);
});

test('[SFRAME-7] a frame shorter than the clear prefix is refused on both sides', async () => {
  const { sender, receiver } = await room();
  for (const [frame, track] of [
    [frameOf(0), microphone],
    [frameOf(2, 'delta'), camera],
    [frameOf(9, 'key'), camera],
  ] as const) {
    await assert.rejects(sealEncodedFrame(sender, frame, track), { code: 'malformed' });
    await assert.rejects(openEncodedFrame(receiver, frame, { ...track, participant: 5 }), { code: 'malformed' });
  }
});
