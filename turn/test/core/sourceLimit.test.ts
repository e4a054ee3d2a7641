import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SourceLimit } from '../../src/core/sourceLimit.ts';

test('[TURN-9] the table of sources is bounded, and forgets who is at rest', () => {
  const limit = new SourceLimit(1);
  for (let n = 0; n < 20_000; n++) assert.ok(limit.admits(`10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`, 0));
  assert.equal(limit.size, 16_384);
  limit.prune(10_000);
  assert.equal(limit.size, 0);
});

test('[TURN-9] a source gets its burst, then its rate', () => {
  const limit = new SourceLimit(2);
  const admitted = (nowMs: number) => Array.from({ length: 100 }, () => limit.admits('1.1.1.1', nowMs)).filter(Boolean);
  assert.equal(admitted(0).length, 8);
  assert.equal(admitted(1000).length, 2);
});

test('[TURN-9] whether a source has had its replies can be asked, and costs it none', () => {
  const limit = new SourceLimit(1);
  assert.ok(!limit.isSpent('1.1.1.1', 0));
  for (let n = 0; n < 4; n++) {
    assert.ok(!limit.isSpent('1.1.1.1', 0));
    assert.ok(limit.admits('1.1.1.1', 0));
  }
  assert.ok(limit.isSpent('1.1.1.1', 0));
  assert.ok(!limit.isSpent('1.1.1.2', 0));
  assert.ok(!limit.isSpent('1.1.1.1', 1000));
});
