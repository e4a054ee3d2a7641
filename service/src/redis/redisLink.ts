// One service's connections to Redis: one for commands, one for subscriptions.
// A single server (or primary), or a Redis Cluster, behind the same few calls.
// While Redis is away commands fail at once, so that whoever asked can be told;
// connections and subscriptions are made again by themselves.
import { ProtocolError } from '@carillon/protocol';
import { createClient, createCluster, ErrorReply, RESP_TYPES, type RedisArgument } from 'redis';
import type { LuaScript } from './luaScript.ts';

/** A connection that says nothing for so long, pings included, is given up. Shorter mistakes a slow disk for a dead server. */
const SILENCE_MS_MAX = 15_000;
const PING_EVERY_MS = 4_000;
const CONNECT_MS_MAX = 5_000;
const RECONNECT_MS_MAX = 1_000;
/** Commands not yet answered; past it they fail at once. Each holds its arguments in memory. */
const COMMANDS_WAITING_MAX = 200_000;
/** How long a write may wait for its replicas. */
const REPLICAS_WAIT_MS = 2_000;

export type RedisReply = Buffer | number | bigint | string | null | readonly RedisReply[];

export interface RedisLinkOptions {
  /** redis:// or rediss://; several, comma separated, are nodes of one Redis Cluster. */
  readonly url: string;
  /** Replicas that must have a write before it counts; 0 waits for none. */
  readonly replicasMin?: number;
  readonly onError?: (error: Error) => void;
  /** How long to try at the start; a Redis that starts at the same moment may take a while. */
  readonly startMs?: number;
}

const clientOptions = {
  RESP: 3,
  disableOfflineQueue: true,
  pingInterval: PING_EVERY_MS,
  commandsQueueMaxLength: COMMANDS_WAITING_MAX,
  maintNotifications: 'disabled',
  socket: {
    connectTimeout: CONNECT_MS_MAX,
    socketTimeout: SILENCE_MS_MAX,
    reconnectStrategy: (retries: number) => Math.min(50 * 2 ** Math.min(retries, 8), RECONNECT_MS_MAX),
  },
} as const;
const typeMapping = { [RESP_TYPES.BLOB_STRING]: Buffer } as const;

type SingleClient = ReturnType<typeof singleClient>;
type ClusterClient = ReturnType<typeof clusterClient>;

const singleClient = (url: string) => createClient({ ...clientOptions, url, commandOptions: { typeMapping } });
const clusterClient = (urls: readonly string[]) =>
  createCluster({
    RESP: 3,
    rootNodes: urls.map((url) => ({ url })),
    defaults: clientOptions,
    commandOptions: { typeMapping },
  });

/** What differs between a server and a cluster. */
interface Driver {
  send(key: string, args: readonly RedisArgument[]): Promise<RedisReply>;
  readonly subscriber: Pick<SingleClient, 'sSubscribe' | 'sUnsubscribe'>;
  onEach(listener: (error: Error | undefined) => void): void;
  /** Sent to every primary. */
  everywhere(args: readonly RedisArgument[]): Promise<readonly RedisReply[]>;
  destroy(): void;
}

export class RedisLink {
  readonly #driver: Driver;
  readonly #replicasMin: number;
  readonly #onReady = new Set<() => void>();
  /** Why the connection is down, or why the last write was refused. */
  #down: string | undefined;
  #refused: string | undefined;
  #closed = false;

  private constructor(driver: Driver, options: RedisLinkOptions) {
    this.#driver = driver;
    this.#replicasMin = options.replicasMin ?? 0;
    driver.onEach((error) => {
      if (this.#closed) return;
      if (error) {
        if (this.#down === undefined) options.onError?.(error);
        this.#down = `Redis cannot be reached: ${wordsOf(error)}`;
      } else {
        this.#down = undefined;
        for (const listener of this.#onReady) listener();
      }
    });
  }

  /** @throws Error in words when Redis cannot be reached or is too old */
  static async connect(options: RedisLinkOptions): Promise<RedisLink> {
    const urls = options.url.split(',').map((url) => url.trim());
    const { startMs = CONNECT_MS_MAX } = options;
    try {
      const driver = urls.length > 1 ? await clusterDriver(urls, startMs) : await singleDriver(urls[0]!, startMs);
      return new RedisLink(driver, options);
    } catch (cause) {
      throw new Error(`Redis cannot be reached: ${wordsOf(cause)}`, { cause });
    }
  }

  /** Called whenever a connection has been made again: what Redis or this process missed meanwhile is to be mended. */
  onReady(listener: () => void): void {
    this.#onReady.add(listener);
  }

  /** Makes the scripts known beforehand, now and after each reconnection: the first calls of one stay in order. */
  async load(scripts: readonly LuaScript[]): Promise<void> {
    const all = async () => {
      await Promise.all(scripts.map((script) => this.#driver.everywhere(['SCRIPT', 'LOAD', script.source])));
    };
    this.onReady(() => void all().catch(() => {}));
    await all();
  }

  /** A command that reads, or whose loss costs nothing. @throws ProtocolError `internal-error`, `storage-full` */
  async command(key: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    try {
      return await this.#driver.send(key, args);
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** Runs the script in the slot of `key`. @throws ProtocolError `internal-error`, `storage-full` */
  async run(script: LuaScript, key: string, args: readonly RedisArgument[] = []): Promise<RedisReply> {
    try {
      const reply = await this.#evaluate(script, key, args);
      this.#refused = undefined;
      return reply;
    } catch (error) {
      throw this.#failure(error);
    }
  }

  /** As `run`, and resolves only when as many replicas as configured have it. */
  async write(script: LuaScript, key: string, args: readonly RedisArgument[] = []): Promise<RedisReply> {
    const reply = await this.run(script, key, args);
    if (this.#replicasMin > 0) await this.#replicated(key);
    return reply;
  }

  async publish(channel: string, message: RedisArgument): Promise<number> {
    return Number(await this.command(channel, ['SPUBLISH', channel, message]));
  }

  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<() => Promise<void>> {
    const { subscriber } = this.#driver;
    await subscriber.sSubscribe(channel, listener, true);
    return async () => {
      if (!this.#closed) await subscriber.sUnsubscribe(channel, listener, true);
    };
  }

  /** One answer for each primary. */
  everywhere(args: readonly RedisArgument[]): Promise<readonly RedisReply[]> {
    return this.#driver.everywhere(args);
  }

  /** Why it cannot work at the moment, in words. */
  problem(): string | undefined {
    return this.#down ?? this.#refused;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#driver.destroy();
  }

  async #evaluate(script: LuaScript, key: string, args: readonly RedisArgument[]): Promise<RedisReply> {
    try {
      return await this.#driver.send(key, ['EVALSHA', script.digest, '1', key, ...args]);
    } catch (error) {
      if (!(error instanceof ErrorReply && error.message.startsWith('NOSCRIPT'))) throw error;
      return this.#driver.send(key, ['EVAL', script.source, '1', key, ...args]);
    }
  }

  /** WAIT speaks of all writes of its connection, and goes the way the write went. */
  async #replicated(key: string): Promise<void> {
    const have = Number(await this.command(key, ['WAIT', String(this.#replicasMin), String(REPLICAS_WAIT_MS)]));
    if (have >= this.#replicasMin) return;
    this.#refused = `only ${have} of ${this.#replicasMin} replicas have the last write`;
    throw new ProtocolError('internal-error', { cause: new Error(this.#refused) });
  }

  #failure(error: unknown): ProtocolError {
    if (error instanceof ErrorReply) {
      this.#refused = `Redis refuses: ${wordsOf(error)}`;
      // No memory left; the append-only file cannot be written.
      const full = /^(OOM|MISCONF)/.test(error.message);
      return new ProtocolError(full ? 'storage-full' : 'internal-error', { cause: error });
    }
    return new ProtocolError('internal-error', { cause: error });
  }
}

async function singleDriver(url: string, startMs: number): Promise<Driver> {
  const client = singleClient(url);
  const subscriber = client.duplicate();
  const listeners = new Set<(error: Error | undefined) => void>();
  let last: Error | undefined;
  const tell = (error?: Error) => {
    last = error;
    for (const listener of listeners) listener(error);
  };
  for (const each of [client, subscriber]) {
    each.on('error', tell);
    // Either connection may have been the one that was away.
    each.on('ready', () => {
      if (client.isReady && subscriber.isReady) tell();
    });
  }
  try {
    await Promise.race([Promise.all([client.connect(), subscriber.connect()]), tooLong(startMs)]);
  } catch (error) {
    for (const each of [client, subscriber]) each.destroy();
    throw last ?? error;
  }
  return {
    send: (_key, args) => client.sendCommand<RedisReply>(args, { typeMapping }),
    subscriber,
    onEach: (listener) => listeners.add(listener),
    everywhere: async (args) => [await client.sendCommand<RedisReply>(args, { typeMapping })],
    destroy: () => {
      for (const each of [client, subscriber]) each.destroy();
    },
  };
}

async function clusterDriver(urls: readonly string[], startMs: number): Promise<Driver> {
  const cluster: ClusterClient = clusterClient(urls);
  const listeners = new Set<(error: Error | undefined) => void>();
  let last: Error | undefined;
  const tell = (error?: Error) => {
    last = error;
    for (const listener of listeners) listener(error);
  };
  cluster.on('error', tell);
  cluster.on('node-error', tell);
  cluster.on('node-ready', () => tell());
  try {
    await Promise.race([cluster.connect(), tooLong(startMs)]);
  } catch (error) {
    cluster.destroy();
    throw last ?? error;
  }
  return {
    send: (key, args) => cluster.sendCommand<RedisReply>(key, false, [...args], { typeMapping }),
    subscriber: cluster as unknown as Driver['subscriber'],
    onEach: (listener) => listeners.add(listener),
    everywhere: (args) =>
      Promise.all(
        cluster.masters.map(async (node) =>
          (await cluster.nodeClient(node)).sendCommand<RedisReply>(args, { typeMapping }),
        ),
      ),
    destroy: () => cluster.destroy(),
  };
}

function tooLong(startMs: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error('no answer')), startMs).unref();
  });
}

/** Never an address or a password: node's own words name the host that was tried. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { code } = error as NodeJS.ErrnoException;
  return code ?? error.message.slice(0, 200);
}
