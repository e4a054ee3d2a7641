// Which store calls are in: Redis where there is one, so that many nodes serve
// the same calls, else a file of this node's own.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Log } from '@carillon/service';
import type { JSONWebKeySet, JWK } from 'jose';
import type { SignalingConfig } from '../config.ts';
import type { CallStore } from './callStore.ts';
import { EmbeddedCallStore } from './embeddedCallStore.ts';
import { SqliteCallFile } from './sqliteCallFile.ts';

export interface StoreChoice {
  readonly config: SignalingConfig;
  readonly dataDir: string;
  readonly now: () => number;
  readonly log: Log;
  /** The public half of this node's ticket key. */
  readonly ownKey: JWK;
  readonly leaseMs: number | undefined;
}

export type OpenStore = CallStore & {
  /** Of every node that hands out tickets. */
  jwks(): Promise<JSONWebKeySet>;
};

/** @throws Error in words when it cannot be opened */
export async function openStore(choice: StoreChoice): Promise<OpenStore> {
  const { config, dataDir, log, ownKey } = choice;
  if (config.CARILLON_REDIS_URL !== undefined) return connectRedis(config.CARILLON_REDIS_URL, choice);
  const file = new SqliteCallFile(path.join(dataDir, 'calls.sqlite'));
  const store = new EmbeddedCallStore({ file, callsMax: config.CARILLON_SIGNALING_CALLS_MAX, log });
  return Object.assign(store, { jwks: async () => ({ keys: [ownKey] }) });
}

/** Loaded only where there is a Redis: the client is a large package. */
async function connectRedis(url: string, { config, now, log, ownKey, leaseMs }: StoreChoice): Promise<OpenStore> {
  const { RedisLink } = await import('@carillon/service/redis');
  const { RedisCallStore } = await import('./redis/redisCallStore.ts');
  const { SharedTicketKeys } = await import('./redis/sharedTicketKeys.ts');
  const onError = (error: Error) => log.warn('Redis is away', { error: error.message });
  const link = await RedisLink.connect({ url, onError });
  try {
    const node = config.CARILLON_NODE ?? `${hostname().slice(0, 32)}-${randomBytes(3).toString('hex')}`;
    const endedKeptMs = config.CARILLON_SIGNALING_ENDED_SECONDS * 1000;
    const store = await RedisCallStore.open({
      link,
      node: node.replaceAll(/[^A-Za-z0-9._-]/g, '-'),
      now,
      endedKeptMs,
      leaseMs,
    });
    const keys = await SharedTicketKeys.open(link, ownKey, now);
    const close = store.close.bind(store);
    return Object.assign(store, {
      jwks: () => keys.jwks(),
      close: async () => {
        keys.close();
        await close();
        await link.close();
      },
    });
  } catch (error) {
    await link.close();
    throw error;
  }
}
