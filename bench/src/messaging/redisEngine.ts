// Redis beside messaging-core, on the disk as durably as the embedded store.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from './carillonPeer.ts';
import { accepts, freePort } from './freePort.ts';

/** Undefined where redis-server is not installed. */
export async function startRedisEngine(): Promise<Engine | undefined> {
  if (spawnSync('redis-server', ['--version']).error) return undefined;
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-bench-redis-'));
  const port = await freePort();
  const durable = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--save', ''];
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, ...durable];
  const child = spawn('redis-server', args, { stdio: 'ignore' });
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 100) throw new Error('redis-server does not answer');
    await sleep(50);
  }
  return {
    name: 'Carillon on Redis',
    env: { CARILLON_REDIS_URL: `redis://127.0.0.1:${port}` },
    pids: [child.pid!],
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
