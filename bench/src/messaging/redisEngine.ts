// Redis beside messaging-core, on the disk as durably as the embedded store.
import { spawnSync } from 'node:child_process';
import { RedisServer } from '@carillon/service/testing';
import type { Engine } from './carillonPeer.ts';

/** Undefined where redis-server is not installed. */
export async function startRedisEngine(): Promise<Engine | undefined> {
  if (spawnSync('redis-server', ['--version']).error) return undefined;
  const redis = await RedisServer.run(['--appendfsync', 'everysec']);
  return {
    name: 'Carillon on Redis',
    env: { CARILLON_REDIS_URL: redis.url },
    pids: [redis.pid!],
    stop: () => redis.stop(),
  };
}
