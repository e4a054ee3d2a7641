import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserQuota } from '../../src/core/userQuota.ts';

test('[TURN-10] bits and packets a second are bounded, each on its own', () => {
  const quota = new UserQuota({ bitsPerSecond: 8_000, packetsPerSecond: 5 }, 0);
  assert.ok(quota.admits(900, 0));
  assert.ok(!quota.admits(900, 0), 'too many bits');
  assert.ok(quota.admits(900, 1000));
  const admitted = Array.from({ length: 10 }, () => quota.admits(0, 2000)).filter(Boolean);
  assert.equal(admitted.length, 5, 'too many packets');
});

test('a user without allocations is at rest when the burst is whole again', () => {
  const quota = new UserQuota({ bitsPerSecond: 8_000, packetsPerSecond: 5 }, 0);
  quota.allocations = 1;
  assert.ok(!quota.isAtRest(0));
  quota.allocations = 0;
  quota.admits(1000, 0);
  assert.ok(!quota.isAtRest(500));
  assert.ok(quota.isAtRest(1000));
});
