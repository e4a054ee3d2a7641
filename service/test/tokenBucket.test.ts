import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TokenBucket } from '../src/index.ts';

test('a bucket gives its burst at once, then its rate', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 3 }, 0);
  assert.deepEqual(
    [0, 0, 0, 0].map((now) => bucket.take(now)),
    [true, true, true, false],
  );
  assert.equal(bucket.waitMs(), 100);
  assert.equal(bucket.take(99), false);
  assert.equal(bucket.take(100), true);
  assert.equal(bucket.isFull(399), false);
  assert.equal(bucket.isFull(401), true);
});

test('a clock that goes back gives nothing', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 1000);
  assert.equal(bucket.take(1000), true);
  assert.equal(bucket.take(0), false);
  assert.equal(bucket.take(1050), false);
  assert.equal(bucket.take(1100), true);
});

test('a clock that is set back by hours does not hold anybody up for hours', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 1 }, 7_200_000);
  assert.equal(bucket.take(7_200_000), true);
  assert.equal(bucket.take(0), false);
  assert.equal(bucket.take(100), true);
});
