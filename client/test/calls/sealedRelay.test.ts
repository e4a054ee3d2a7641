import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import {
  type AccountId,
  type Address,
  type CallId,
  type DeviceId,
  ProtocolError,
  RelayedSchema,
} from '@carillon/protocol';
import fc from 'fast-check';
import { SealedRelay } from '../../src/calls/sealedRelay.ts';
import type { SignalingClient } from '../../src/calls/signalingClient.ts';
import { decodeSignal, encodeSignal, type Signal } from '../../src/calls/signals.ts';

const callId = 'AAAAAAAAAAAAAAAAAAAAAA' as CallId;
const ana: Address = { accountId: 'ana' as AccountId, deviceId: 1 as DeviceId };
const bo: Address = { accountId: 'bo' as AccountId, deviceId: 2 as DeviceId };
const media: Signal = { type: 'media', microphone: true, camera: false, screen: false };

/** Ana's end sends into `sent`; bo's end takes what it is given. */
function ends() {
  const sent: Uint8Array[] = [];
  const got: Signal[] = [];
  let tampered = 0;
  const secret = new Uint8Array(32).fill(7);
  const signaling = {
    request: async (frame: () => { value: { sealed: Uint8Array } }) => sent.push(frame().value.sealed),
  } as unknown as SignalingClient;
  const common = {
    callId,
    secret,
    signaling,
    signal: (signal: Signal) => got.push(signal),
    tampered: () => tampered++,
  };
  const from = new SealedRelay({ ...common, self: ana, peer: bo });
  const to = new SealedRelay({ ...common, self: bo, peer: ana });
  const relayed = (sealed: Uint8Array, by = ana) => create(RelayedSchema, { callId, seq: 1n, from: { ...by }, sealed });
  return { from, to, sent, got, relayed, tampered: () => tampered };
}

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

test('nothing is sealed after the end', () => {
  const { from, sent } = ends();
  from.close();
  from.send(media);
  assert.equal(sent.length, 0);
});

test('signals survive the way there; an unknown kind is left to newer apps', () => {
  const offer: Signal = { type: 'description', generation: 2, description: { type: 'offer', sdp: 'v=0' } };
  assert.deepEqual(decodeSignal(encodeSignal(offer)), offer);
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
