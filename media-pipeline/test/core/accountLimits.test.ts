import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AccountLimits } from '../../src/core/accountLimits.ts';
import { newAccountId } from '../mediaUnderTest.ts';

test("an account's bytes of a day are bounded, come back with time, and are its own", () => {
  const limits = new AccountLimits(1_000_000);
  const [a, b] = [newAccountId(), newAccountId()];
  limits.takeBytes(a, 800_000, 0);
  assert.throws(
    () => limits.takeBytes(a, 800_000, 0),
    (error: { code: string; details: { retryAfterMs: number } }) => {
      assert.equal(error.code, 'rate-limited');
      assert.ok(Math.abs(error.details.retryAfterMs - 0.6 * 86_400_000) < 1_000);
      return true;
    },
  );
  limits.takeBytes(b, 800_000, 0);
  limits.takeBytes(a, 800_000, 0.6 * 86_400_000);
  assert.throws(() => limits.takeBytes(b, 1_000_001, 86_400_000 * 9), { code: 'blob-too-large' });
});

test('requests of one account are limited', () => {
  const limits = new AccountLimits(1);
  const account = newAccountId();
  for (let i = 0; i < 200; i++) limits.takeRequest(account, 0);
  assert.throws(() => limits.takeRequest(account, 0), { code: 'rate-limited' });
  limits.takeRequest(account, 1_000);
});

test('tiny uploads count for what a file costs', () => {
  const limits = new AccountLimits(1024 * 1024);
  const account = newAccountId();
  for (let i = 0; i < 16; i++) limits.takeBytes(account, 1, 0);
  assert.throws(() => limits.takeBytes(account, 1, 0), { code: 'rate-limited' });
});
