import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateLimits } from '../../src/io/rateLimits.ts';

test('each key has its own bucket, that fills with time', () => {
  const limits = new RateLimits({ perSecond: 1, burst: 2 });
  limits.take('a', 0);
  limits.take('a', 0);
  assert.throws(() => limits.take('a', 0), { code: 'rate-limited', details: { retryAfterMs: 1000 } });
  limits.take('b', 0);
  limits.take('a', 1000);
});

test('strangers with ever new keys do not make it forget who is limited, nor fill memory', () => {
  const limits = new RateLimits({ perSecond: 1, burst: 1 });
  limits.take('guesser', 0);
  for (let n = 0; n < 120_000; n++) {
    limits.take(`key ${n}`, n);
    if (n % 400 === 399) assert.throws(() => limits.take('guesser', 1), { code: 'rate-limited' });
  }
});
