import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import {
  type AccountId,
  type Address,
  type CallId,
  type DeviceId,
  LIMITS,
  ProtocolError,
  RelayedSchema,
} from '@carillon/protocol';
import fc from 'fast-check';
import { CALL_PAYLOAD_BYTES_MAX } from '../../src/calls/callSealing.ts';
import { RELAY_AGAIN_MS, SealedRelay, WAITING_MAX } from '../../src/calls/sealedRelay.ts';
import type { SignalingClient } from '../../src/calls/signalingClient.ts';
import { decodeSignal, encodeSignal, type Signal } from '../../src/calls/signals.ts';

const callId = 'AAAAAAAAAAAAAAAAAAAAAA' as CallId;
const ana: Address = { accountId: 'ana' as AccountId, deviceId: 1 as DeviceId };
const bo: Address = { accountId: 'bo' as AccountId, deviceId: 2 as DeviceId };
const media: Signal = { type: 'media', microphone: true, camera: false, screen: false };

/** Ana's end sends into `sent`, unless `refuse` says why not; bo's end takes what it is given. */
function ends() {
  const sent: Uint8Array[] = [];
  const got: Signal[] = [];
  const told = { tampered: 0, tooLarge: 0 };
  const secret = new Uint8Array(32).fill(7);
  const way: { refuse(): ProtocolError | undefined } = { refuse: () => undefined };
  const signaling = {
    request: async (frame: () => { value: { sealed: Uint8Array } }) => {
      const { sealed } = frame().value;
      const refusal = way.refuse();
      if (refusal) throw refusal;
      sent.push(sealed);
    },
  } as unknown as SignalingClient;
  const common = {
    callId,
    secret,
    signaling,
    signal: (signal: Signal) => got.push(signal),
    tampered: () => told.tampered++,
    tooLarge: () => told.tooLarge++,
  };
  const from = new SealedRelay({ ...common, self: ana, peer: bo });
  const to = new SealedRelay({ ...common, self: bo, peer: ana });
  const relayed = (sealed: Uint8Array, by = ana) => create(RelayedSchema, { callId, seq: 1n, from: { ...by }, sealed });
  /** Everything sent so far, as bo's end takes it. */
  const arrive = () => {
    for (const sealed of sent.splice(0)) to.receive(relayed(sealed));
    return got.splice(0);
  };
  return { from, to, sent, got, relayed, way, arrive, told, tampered: () => told.tampered };
}

const offer = (n: number): Signal => ({
  ...{ type: 'description', generation: 1, offer: n, description: { type: 'offer', sdp: 'v=0' } },
});
const candidate = (text: string): Signal => ({
  type: 'candidate',
  generation: 1,
  candidate: { candidate: text, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: null },
});

test('[CALL-21] a changed or repeated relay is dropped and told, a late one is dropped', () => {
  const { from, to, sent, got, relayed, tampered } = ends();
  for (let i = 0; i < 3; i++) from.send(media);
  const changed = new Uint8Array(sent[0]!);
  changed[40]! ^= 1;
  to.receive(relayed(changed));
  assert.deepEqual([got.length, tampered()], [0, 1]);
  to.receive(relayed(sent[1]!));
  to.receive(relayed(sent[0]!));
  assert.deepEqual([got, tampered()], [[media], 1]);
  to.receive(relayed(sent[1]!));
  assert.deepEqual([got.length, tampered()], [1, 2]);
  to.receive(relayed(sent[2]!, { ...ana, deviceId: 9 as DeviceId }));
  assert.deepEqual([got.length, tampered()], [1, 2]);
});

describe('[CALL-74] a relay that was not taken goes again', () => {
  const refusals: [ProtocolError, number][] = [
    [new ProtocolError('rate-limited', { retryAfterMs: 7_000 }), 7_000],
    [new ProtocolError('rate-limited', { retryAfterMs: 20 }), RELAY_AGAIN_MS],
    [new ProtocolError('unreachable'), RELAY_AGAIN_MS],
    [new ProtocolError('internal-error'), RELAY_AGAIN_MS],
    [new ProtocolError('shutting-down'), RELAY_AGAIN_MS],
  ];
  for (const [refusal, waitMs] of refusals) {
    test(`${refusal.code}, after ${waitMs} ms`, async (t) => {
      t.mock.timers.enable({ apis: ['setTimeout'] });
      const { from, way, arrive, tampered } = ends();
      way.refuse = () => refusal;
      for (const signal of [offer(1), candidate('a'), media]) from.send(signal);
      await turn();
      t.mock.timers.tick(waitMs - 1);
      await turn();
      way.refuse = () => undefined;
      assert.deepEqual(arrive(), []);
      t.mock.timers.tick(1);
      await turn();
      assert.deepEqual([arrive(), tampered()], [[offer(1), candidate('a'), media], 0]);
      t.mock.timers.tick(60_000);
      await turn();
      assert.deepEqual(arrive(), []);
    });
  }

  test('but not what something newer has replaced', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { from, way, arrive } = ends();
    way.refuse = () => new ProtocolError('unreachable');
    const quiet: Signal = { ...media, microphone: false };
    for (const signal of [media, offer(1), candidate('a'), quiet, offer(2), candidate('b')]) from.send(signal);
    await turn();
    way.refuse = () => undefined;
    t.mock.timers.tick(RELAY_AGAIN_MS);
    await turn();
    assert.deepEqual(arrive(), [quiet, offer(2), candidate('b')]);
  });

  test('nor what was refused for good, nor after the end, nor without bound', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const { from, way, arrive } = ends();
    way.refuse = () => new ProtocolError('call-state');
    from.send(media);
    await turn();
    way.refuse = () => new ProtocolError('unreachable');
    for (let i = 0; i <= WAITING_MAX; i++) from.send(candidate(String(i)));
    await turn();
    way.refuse = () => undefined;
    t.mock.timers.tick(RELAY_AGAIN_MS);
    await turn();
    const expected = Array.from({ length: WAITING_MAX }, (_, i) => candidate(String(i + 1)));
    assert.deepEqual(arrive(), expected);
    way.refuse = () => new ProtocolError('unreachable');
    from.send(media);
    await turn();
    way.refuse = () => undefined;
    from.close();
    t.mock.timers.tick(60_000);
    await turn();
    assert.deepEqual(arrive(), []);
  });
});

test('[CALL-73] a signal of the largest size is sent, a larger one said to be too large', () => {
  const { from, sent, arrive, told } = ends();
  const sized = (bytes: number): Signal => {
    const empty = encodeSignal(offer(1)).length - 'v=0'.length;
    return { ...offer(1), description: { type: 'offer', sdp: 'x'.repeat(bytes - empty) } } as Signal;
  };
  from.send(sized(CALL_PAYLOAD_BYTES_MAX + 1));
  assert.deepEqual([sent.length, told.tooLarge], [0, 1]);
  from.send(sized(CALL_PAYLOAD_BYTES_MAX));
  assert.ok(sent[0]!.length <= LIMITS.sealedSignalBytesMax);
  assert.ok(sent[0]!.length > LIMITS.sealedSignalBytesMax - 256);
  assert.deepEqual([arrive(), told], [[sized(CALL_PAYLOAD_BYTES_MAX)], { tampered: 0, tooLarge: 1 }]);
});

test('nothing is sealed after the end', () => {
  const { from, sent } = ends();
  from.close();
  from.send(media);
  assert.equal(sent.length, 0);
});

test('signals survive the way there; an unknown kind is left to newer apps', () => {
  const unnumbered: Signal = { type: 'description', generation: 2, description: { type: 'offer', sdp: 'v=0' } };
  for (const signal of [unnumbered, offer(3), media]) assert.deepEqual(decodeSignal(encodeSignal(signal)), signal);
  assert.equal(decodeSignal(new TextEncoder().encode('{"type":"poke"}')), undefined);
});

test('whatever the other device sends is a signal or malformed', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.json().map((json) => new TextEncoder().encode(json)),
    fc
      .record({ type: fc.constantFrom('description', 'candidate', 'media'), generation: fc.anything() })
      .map((value) => new TextEncoder().encode(JSON.stringify(value) ?? '')),
  );
  fc.assert(
    fc.property(bytes, (input) => {
      try {
        decodeSignal(input);
      } catch (error) {
        assert.ok(error instanceof ProtocolError && error.code === 'malformed-frame');
      }
    }),
  );
});
