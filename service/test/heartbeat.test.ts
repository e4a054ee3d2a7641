import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Heartbeat } from '../src/heartbeat.ts';

const bounds = { minMs: 10_000, maxMs: 600_000, defaultMs: 30_000 };

/** What is said at each tick of a silence, up to its end. */
function silence(askedMs: number): { pingsAtMs: number[]; endsAtMs: number } {
  const heartbeat = new Heartbeat(bounds);
  const pingsAtMs: number[] = [];
  for (;;) {
    heartbeat.tick++;
    const verdict = heartbeat.judge(askedMs, 0, pingsAtMs.length);
    const atMs = heartbeat.tick * heartbeat.tickMs;
    if (verdict === 'missed') return { pingsAtMs, endsAtMs: atMs };
    if (verdict === 'ping') pingsAtMs.push(atMs);
  }
}

test('[WIRE-9] a silence ends after 2.5 intervals, and at most a tick later', () => {
  for (const [askedMs, intervalMs] of [
    [10_000, 10_000],
    [60_000, 60_000],
    [1, 10_000],
    [2 ** 32 - 1, 600_000],
    [0, 30_000],
  ] as const) {
    const { endsAtMs } = silence(askedMs);
    assert.ok(endsAtMs - 2_500 >= intervalMs * 2.5, `${askedMs}`);
    assert.ok(endsAtMs <= intervalMs * 2.5 + 5_000, `${askedMs}`);
  }
});

test('[WIRE-9] only who asked for no interval is pinged: once an interval', () => {
  assert.deepEqual(silence(30_000).pingsAtMs, []);
  assert.deepEqual(silence(0).pingsAtMs, [32_500, 62_500]);
});
