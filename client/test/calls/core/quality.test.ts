import assert from 'node:assert/strict';
import { test } from 'node:test';
import { qualityOf } from '../../../src/calls/core/quality.ts';
import { isSpeaking, sampleOf } from '../../../src/calls/meter.ts';

test('a near and clean path is good, a far or lossy one fair, a broken one poor', () => {
  assert.equal(qualityOf(undefined), 0);
  assert.equal(qualityOf({ roundTripMs: 40, jitterMs: 5, loss: 0 }), 3);
  assert.equal(qualityOf({ roundTripMs: 40, jitterMs: 5, loss: 0.05 }), 2);
  assert.equal(qualityOf({ roundTripMs: 450, jitterMs: 30, loss: 0 }), 2);
  assert.equal(qualityOf({ roundTripMs: 300, jitterMs: 40, loss: 0.25 }), 1);
});

test('a sample counts what came since the last one', () => {
  const inbound = (packetsReceived: number, packetsLost: number) => ({
    type: 'inbound-rtp',
    kind: 'audio',
    packetsReceived,
    packetsLost,
    jitter: 0.01,
  });
  const pair = { type: 'candidate-pair', nominated: true, currentRoundTripTime: 0.05 };
  const first = sampleOf([inbound(90, 10), pair], { received: 0, lost: 0 });
  assert.deepEqual(first.sample, { roundTripMs: 50, jitterMs: 10, loss: 0.1 });
  const second = sampleOf([inbound(190, 10), pair], first.totals);
  assert.equal(second.sample?.loss, 0);
  assert.equal(sampleOf([inbound(190, 10)], second.totals).sample, undefined);
});

test('speaking is audio above a quiet room', () => {
  assert.equal(isSpeaking([{ type: 'inbound-rtp', kind: 'audio', audioLevel: 0.1 }]), true);
  assert.equal(isSpeaking([{ type: 'inbound-rtp', kind: 'audio', audioLevel: 0.001 }]), false);
  assert.equal(isSpeaking([{ type: 'inbound-rtp', kind: 'video', audioLevel: 1 }]), false);
});
