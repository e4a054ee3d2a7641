import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, Address, DeviceId } from '@carillon/protocol';
import fc from 'fast-check';
import {
  CALL_PAYLOAD_BYTES_MAX,
  CALL_SESSIONS_MAX,
  CallOpener,
  CallSealer,
  CallSealing,
  type CallSealingErrorCode,
  SEEN_MAX,
} from '../../src/calls/callSealing.ts';

const address = (letter: string, deviceId: number): Address => ({
  accountId: letter.repeat(22) as AccountId,
  deviceId: deviceId as DeviceId,
});
const alice = address('A', 1);
const bob = address('Q', 2);
const secret = new Uint8Array(32).fill(7);
const callId = 'g'.repeat(22);
const there = { secret, callId, from: alice, to: bob };
const payload = new TextEncoder().encode('{"type":"description"}');
const refused = (code: CallSealingErrorCode) => ({ name: 'CallSealingError', code });

test('[CALL-20] what one device seals the other opens, both ways', () => {
  const a = new CallSealing({ secret, callId, self: alice, peer: bob });
  const b = new CallSealing({ secret, callId, self: bob, peer: alice });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3_000 }), (bytes) => {
      assert.deepEqual(b.open(a.seal(bytes)), new Uint8Array(bytes));
      assert.deepEqual(a.open(b.seal(bytes)), new Uint8Array(bytes));
    }),
  );
});

test('[CALL-20] any changed bit is refused, and what was sealed still opens afterwards', () => {
  const opener = new CallOpener(there);
  const sealed = new CallSealer(there).seal(payload);
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = new Uint8Array(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => opener.open(changed), refused('tampered'));
  }
  assert.deepEqual(opener.open(sealed), payload);
});

test('[CALL-20] a cut or empty signal is refused', () => {
  const sealed = new CallSealer(there).seal(payload);
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => new CallOpener(there).open(sealed.subarray(0, length)), refused('tampered'));
  }
});

test('[CALL-20] another direction, call, device or secret does not open it', () => {
  const sealed = new CallSealer(there).seal(payload);
  const others = [
    { ...there, from: bob, to: alice },
    { ...there, callId: 'w'.repeat(22) },
    { ...there, from: address('A', 3) },
    { ...there, to: address('Q', 3) },
    { ...there, secret: new Uint8Array(32).fill(8) },
  ];
  for (const other of others) assert.throws(() => new CallOpener(other).open(sealed), refused('tampered'));
});

test('[CALL-21] a repeated or older signal is refused, a lost one is not missed', () => {
  const sealer = new CallSealer(there);
  const opener = new CallOpener(there);
  const [first, second, third, fourth] = [1, 2, 3, 4].map((n) => sealer.seal(Uint8Array.of(n)));
  assert.deepEqual(opener.open(first!), Uint8Array.of(1));
  assert.deepEqual(opener.open(third!), Uint8Array.of(3));
  for (const again of [first!, third!]) assert.throws(() => opener.open(again), refused('replayed'));
  assert.throws(() => opener.open(second!), refused('late'));
  assert.deepEqual(opener.open(fourth!), Uint8Array.of(4));
});

test('[CALL-21] what is too old to know whether it was opened is refused as late', () => {
  const sealer = new CallSealer(there);
  const opener = new CallOpener(there);
  const signals = Array.from({ length: SEEN_MAX + 1 }, () => sealer.seal(payload));
  for (const signal of signals) opener.open(signal);
  assert.throws(() => opener.open(signals[0]!), refused('late'));
  for (const signal of signals.slice(1)) assert.throws(() => opener.open(signal), refused('replayed'));
});

test('[CALL-21] a device that starts over is heard, and its earlier signals stay refused', () => {
  const opener = new CallOpener(there);
  const before = new CallSealer(there).seal(payload);
  opener.open(before);
  for (let start = 1; start < CALL_SESSIONS_MAX; start++) opener.open(new CallSealer(there).seal(payload));
  assert.throws(() => opener.open(before), refused('replayed'));
  assert.throws(() => opener.open(new CallSealer(there).seal(payload)), refused('too-many-sessions'));
});

test('sizes come in steps of 256 bytes, up to the limit', () => {
  const sealer = new CallSealer(there);
  const overhead = 1 + 24 + 16;
  assert.equal(sealer.seal(new Uint8Array(0)).length, overhead + 256);
  assert.equal(sealer.seal(new Uint8Array(232)).length, overhead + 256);
  assert.equal(sealer.seal(new Uint8Array(233)).length, overhead + 512);
  const largest = new Uint8Array(CALL_PAYLOAD_BYTES_MAX).fill(1);
  assert.deepEqual(new CallOpener(there).open(sealer.seal(largest)), largest);
  assert.throws(() => sealer.seal(new Uint8Array(CALL_PAYLOAD_BYTES_MAX + 1)), RangeError);
});

test('no two sealings of the same signal are alike', () => {
  const sealer = new CallSealer(there);
  assert.notDeepEqual(sealer.seal(payload), sealer.seal(payload));
  assert.throws(() => new CallSealer({ ...there, secret: new Uint8Array(31) }), RangeError);
});
