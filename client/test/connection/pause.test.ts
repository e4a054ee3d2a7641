import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause } from '../../src/connection/pause.ts';

const LONG_MS = 3_600_000;

test('a pause ends by itself', async () => {
  await pause(1, new AbortController().signal);
});

test('a pause ends when it is given up, before it or during it', async () => {
  const closing = new AbortController();
  const during = pause(LONG_MS, closing.signal);
  closing.abort();
  await during;
  const beganMs = performance.now();
  await pause(LONG_MS, closing.signal);
  assert.ok(performance.now() - beganMs < LONG_MS / 2);
});
