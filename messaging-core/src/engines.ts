// Which engines are behind the ports: those in this process and its data folder,
// or Redis for many nodes. The one place that decides.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';
import type { Log } from '@carillon/service';
import { RedisLink } from '@carillon/service/redis';
import type { MessagingStore } from './core/messagingStore.ts';
import type { ShortLived } from './core/shortLived.ts';
import type { Switchboard } from './core/switchboard.ts';
import { MemoryShortLived } from './io/memory/memoryShortLived.ts';
import { MemorySwitchboard } from './io/memory/memorySwitchboard.ts';
import { redisDurability } from './io/redis/durability.ts';
import { RedisShortLived } from './io/redis/redisShortLived.ts';
import { RedisStore } from './io/redis/redisStore.ts';
import { RedisSwitchboard } from './io/redis/redisSwitchboard.ts';
import { SqliteStore } from './io/sqliteStore.ts';

export interface EnginesOptions {
  readonly config: {
    readonly CARILLON_REDIS_URL?: string | undefined;
    readonly CARILLON_REDIS_REPLICAS_MIN: number;
    readonly CARILLON_NODE?: string | undefined;
  };
  /** Instead of the one that is configured. */
  readonly store?: MessagingStore | undefined;
  readonly dataDir: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface Engines {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly shortLived: ShortLived;
  /** This process among those that share the store. */
  readonly node: string;
  /** Why they cannot work at the moment, in words. */
  problems(): string[];
  /** After everything that uses them has ended. */
  close(): Promise<void>;
}

/** @throws Error in words when the data folder or Redis cannot be used */
export async function openEngines(options: EnginesOptions): Promise<Engines> {
  const { config, now } = options;
  const node = config.CARILLON_NODE ?? nodeName();
  if (config.CARILLON_REDIS_URL !== undefined) return redisEngines(config.CARILLON_REDIS_URL, node, options);
  const store = options.store ?? new SqliteStore(path.join(options.dataDir, 'messaging.db'));
  const switchboard = new MemorySwitchboard(now);
  const shortLived = new MemoryShortLived(now);
  return {
    store,
    switchboard,
    shortLived,
    node,
    problems: () => {
      const problem = store.problem();
      return problem === undefined ? [] : [`The store cannot write: ${problem}`];
    },
    close: async () => {
      await Promise.all([switchboard.close(), shortLived.close()]);
      await store.close();
    },
  };
}

async function redisEngines(url: string, node: string, options: EnginesOptions): Promise<Engines> {
  const { config, now, log } = options;
  const link = await RedisLink.connect({
    url,
    replicasMin: config.CARILLON_REDIS_REPLICAS_MIN,
    onError: () => log.warn('redis is away', { node }),
  });
  link.onReady(() => log.info('redis is back', { node }));
  const { isDurable, words } = await redisDurability(link);
  if (isDurable) log.info('redis', { node, durability: words });
  else log.warn('redis', { node, durability: words });
  const switchboard = await RedisSwitchboard.open({ link, node, now });
  const store = options.store ?? (await RedisStore.open({ link, now, invalidations: switchboard }));
  const shortLived = new RedisShortLived(link);
  return {
    store,
    switchboard,
    shortLived,
    node,
    problems: () => {
      const problem = link.problem();
      return problem === undefined ? [] : [problem];
    },
    close: async () => {
      await switchboard.close();
      await store.close();
      await link.close();
    },
  };
}

function nodeName(): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9-]/g, '-')
    .slice(0, 40);
  return `${host}-${process.pid}-${randomBytes(3).toString('hex')}`;
}
