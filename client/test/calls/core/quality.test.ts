import assert from 'node:assert/strict';
import { test } from 'node:test';
import { barsOf, type QualitySample, rating, scoreOf } from '../../../src/calls/core/quality.ts';

const bars = (sample: QualitySample) => barsOf(scoreOf(rating(sample)));

test('[CALL-56] a near and clean path is good, a far or lossy one fair, a broken one poor', () => {
  assert.equal(barsOf(undefined), 0);
  assert.equal(bars({ roundTripMs: 40, jitterMs: 5, loss: 0 }), 3);
  assert.equal(bars({ roundTripMs: 40, jitterMs: 5, loss: 0.05 }), 2);
  assert.equal(bars({ roundTripMs: 450, jitterMs: 30, loss: 0 }), 2);
  assert.equal(bars({ roundTripMs: 300, jitterMs: 40, loss: 0.25 }), 1);
});

test('[CALL-56] the score is G.107: 4.4 for a clean path, 4.0 at R 80, 3.1 at R 60, never outside 1 to 4.5', () => {
  assert.equal(scoreOf(93.2).toFixed(2), '4.41');
  assert.equal(scoreOf(80).toFixed(2), '4.02');
  assert.equal(scoreOf(60).toFixed(2), '3.10');
  assert.equal(scoreOf(-20), 1);
  assert.equal(scoreOf(5), 1);
  let before = 0;
  for (let r = -10; r <= 110; r++) {
    const score = scoreOf(r);
    assert.ok(score >= Math.max(1, before) && score <= 4.5);
    before = score;
  }
});

test('[CALL-56] delay costs a point of R for each 40 ms up to 160 ms, for each 10 ms past it', () => {
  const delayed = (roundTripMs: number) => 93.2 - rating({ roundTripMs, jitterMs: 0, loss: 0 });
  assert.equal(delayed(160).toFixed(2), '2.00');
  assert.equal(delayed(320).toFixed(2), '4.00');
  assert.equal(delayed(520).toFixed(2), '14.00');
  assert.equal((93.2 - rating({ roundTripMs: 0, jitterMs: 80, loss: 0 })).toFixed(2), '4.00');
});

test('[CALL-56] what redundancy brought back is not heard as lost', () => {
  const sample = { roundTripMs: 40, jitterMs: 5, loss: 0.1 };
  assert.ok(bars(sample) < bars({ ...sample, concealed: 0.002 }));
});
