import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { PATHS } from '@carillon/protocol';
import { noWorker } from './runningSfu.ts';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function start(env: Record<string, string>): ChildProcess {
  const base = { CARILLON_SFU_HTTP_PORT: '0', CARILLON_SFU_RTC_PORT: '0' };
  return spawn(process.execPath, [MAIN], {
    env: { ...process.env, ...base, ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

test('its own process: ready, healthy, a tap file when asked, and a clean end', { skip: noWorker }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'carillon-sfu-'));
  try {
    const file = path.join(folder, 'tap');
    const child = start({ CARILLON_SFU_TAP_FILE: file });
    const [message] = (await once(child, 'message')) as [{ type: string; port: number }];
    assert.equal(message.type, 'ready');
    assert.ok((await fetch(`http://127.0.0.1:${message.port}${PATHS.sfu.health}`)).ok);
    assert.ok(existsSync(file));
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('without a worker it says what to do, and ends', async () => {
  const child = start({ MEDIASOUP_WORKER_BIN: '/nowhere/mediasoup-worker' });
  const [[message], [status]] = await Promise.all([once(child, 'message'), once(child, 'exit')]);
  assert.match((message as { words: string }).words, /node sfu\/worker\/install\.ts/);
  assert.equal(status, 1);
});
