// The event log of many nodes: one Redis stream, each named consumer a consumer
// group, each node a member of it. An event is pending from the moment it is
// given to a node until that node commits it. A node that is alive renews what
// it works on; what nobody renews belonged to one that died, and is claimed by
// another (XAUTOCLAIM).
//
// Redis keeps events as durably as it is configured to (appendfsync): the last
// second may be lost with the machine's power, as with the embedded log.
import { once } from 'node:events';
import { createClient, createCluster, type RedisClientType } from 'redis';
import type { CarillonEvent, EventLog, RecordedEvent } from './eventLog.ts';
import { decodeEvent, encodeEvent } from './recordedEvent.ts';

/**
 * How long an event may be with a node that does not renew it before another takes it: in time for a call that still
 * rings. Shorter, and a node that is merely slow has its events handled twice.
 */
const CLAIM_IDLE_MS = 15_000;
/** Commands waiting while Redis is away; past it they fail at once. */
const WAITING_COMMANDS_MAX = 20_000;
/** Names of nodes that are gone for good are forgotten after so long. */
const NODE_GONE_MS = 24 * 3600_000;
const RECONNECT_MS_MAX = 2_000;
const CLOSE_MS_MAX = 1_000;
/** A connection that says nothing for so long is given up. Longer than any reader waits. */
const SILENCE_MS_MAX = 20_000;
const PING_EVERY_MS = 5_000;

export interface RedisEventLogOptions {
  /** redis:// or rediss://; several, comma separated, are nodes of one Redis Cluster. */
  readonly url: string;
  /** Names this node among the readers of a consumer; events pending under it are read again after a restart. */
  readonly node: string;
  /** Tests take their own. The braces keep a cluster's key in one slot. */
  readonly key?: string;
  readonly claimIdleMs?: number;
  /** About as many are kept, the newest. */
  readonly eventsMax: number;
  readonly onError?: (error: Error) => void;
}

type Entries = readonly { readonly id: string; readonly message: Record<string, string> }[];

/** What one consumer is doing on this node. */
interface Reader {
  readonly client: RedisClientType;
  /** From which of this node's own pending events to read on; undefined once all were given out again. */
  pendingAfter: string | undefined;
  claimedAtMs: number;
  /** In the order in which they were given out, not yet committed. */
  given: string[];
}

export class RedisEventLog implements EventLog {
  readonly #options: RedisEventLogOptions;
  readonly #key: string;
  readonly #claimIdleMs: number;
  readonly #client: RedisClientType;
  readonly #readers = new Map<string, Promise<Reader>>();
  #closed = false;

  private constructor(options: RedisEventLogOptions) {
    this.#options = options;
    this.#key = options.key ?? 'carillon:{events}';
    this.#claimIdleMs = options.claimIdleMs ?? CLAIM_IDLE_MS;
    this.#client = this.#newClient();
  }

  /** @throws Error when Redis cannot be reached at start */
  static async connect(options: RedisEventLogOptions): Promise<RedisEventLog> {
    const log = new RedisEventLog(options);
    await log.#client.connect();
    return log;
  }

  async append(event: CarillonEvent, atMs: number): Promise<void> {
    const fields = { t: String(atMs), e: encodeEvent(event) };
    const TRIM = { strategy: 'MAXLEN', strategyModifier: '~', threshold: this.#options.eventsMax } as const;
    await this.#client.xAdd(this.#key, '*', fields, { TRIM });
  }

  async read(consumer: string, limit: number, waitMs: number): Promise<readonly RecordedEvent[]> {
    if (this.#closed) return [];
    try {
      const reader = await this.#reader(consumer);
      const entries = await this.#entries(consumer, reader, limit, waitMs);
      return await this.#giveOut(consumer, reader, entries);
    } catch (error) {
      if (this.#closed) return [];
      // The stream was flushed or Redis came back empty: the group is made again by the next read.
      if (String(error).includes('NOGROUP')) {
        await this.#forget(consumer);
        return [];
      }
      throw error;
    }
  }

  async commit(consumer: string, position: string): Promise<void> {
    const reader = await this.#reader(consumer);
    const done = reader.given.splice(0, reader.given.indexOf(position) + 1);
    if (done.length > 0) await this.#client.xAck(this.#key, consumer, done);
  }

  async trim(eventsMax: number): Promise<void> {
    await this.#client.xTrim(this.#key, 'MAXLEN', eventsMax);
    for (const consumer of this.#readers.keys()) {
      for (const { name, idle, pending } of await this.#client.xInfoConsumers(this.#key, consumer)) {
        // Deleting a member drops what is pending under its name: only one that has nothing.
        if (Number(pending) === 0 && Number(idle) > NODE_GONE_MS)
          await this.#client.xGroupDelConsumer(this.#key, consumer, name);
      }
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const readers = await Promise.allSettled(this.#readers.values());
    // A reader may be waiting inside Redis: it is not asked.
    for (const reader of readers) if (reader.status === 'fulfilled') reader.value.client.destroy();
    // What was appended is sent first, within a bound.
    const late = AbortSignal.timeout(CLOSE_MS_MAX);
    await Promise.race([this.#client.close().catch(() => {}), once(late, 'abort')]);
    if (this.#client.isOpen) this.#client.destroy();
  }

  async #entries(consumer: string, reader: Reader, limit: number, waitMs: number): Promise<Entries> {
    const { node } = this.#options;
    const read = async (id: string, wait: { BLOCK?: number }): Promise<Entries> => {
      const streams = await reader.client.xReadGroup(consumer, node, { key: this.#key, id }, { COUNT: limit, ...wait });
      return (streams as unknown as { messages: Entries }[] | null)?.[0]?.messages ?? [];
    };
    if (reader.pendingAfter !== undefined) {
      const pending = await read(reader.pendingAfter, {});
      reader.pendingAfter = pending.at(-1)?.id;
      if (pending.length > 0) return pending;
    }
    const nowMs = performance.now();
    if (nowMs - reader.claimedAtMs >= this.#claimIdleMs / 4) {
      reader.claimedAtMs = nowMs;
      if (reader.given.length > 0) await reader.client.xClaimJustId(this.#key, consumer, node, 0, reader.given);
      const { messages } = await reader.client.xAutoClaim(this.#key, consumer, node, this.#claimIdleMs, '0', {
        COUNT: limit,
      });
      const claimed = messages.filter((entry) => entry !== null && !reader.given.includes(entry.id)) as Entries;
      if (claimed.length > 0) {
        // There may be more than fit.
        if (claimed.length === limit) reader.claimedAtMs = Number.NEGATIVE_INFINITY;
        return claimed;
      }
    }
    return read('>', waitMs > 0 ? { BLOCK: waitMs } : {});
  }

  async #giveOut(consumer: string, reader: Reader, entries: Entries): Promise<readonly RecordedEvent[]> {
    const events: RecordedEvent[] = [];
    const empty: string[] = [];
    for (const { id, message } of entries) {
      // Trimmed while it was pending, or not ours.
      const event = message?.e === undefined ? undefined : decodeEvent(id, Number(message.t), message.e);
      if (event) events.push(event);
      else empty.push(id);
    }
    reader.given.push(...events.map(({ position }) => position));
    if (empty.length > 0) await this.#client.xAck(this.#key, consumer, empty);
    return events;
  }

  #reader(consumer: string): Promise<Reader> {
    const known = this.#readers.get(consumer);
    if (known) return known;
    const opened = this.#openReader(consumer);
    this.#readers.set(consumer, opened);
    opened.catch(() => this.#readers.delete(consumer));
    return opened;
  }

  /** A connection of its own: a waiting read would hold up every other command. */
  async #openReader(consumer: string): Promise<Reader> {
    try {
      await this.#client.xGroupCreate(this.#key, consumer, '0', { MKSTREAM: true });
    } catch (error) {
      if (!String(error).includes('BUSYGROUP')) throw error;
    }
    const client = this.#newClient();
    await client.connect();
    return { client, pendingAfter: '0', claimedAtMs: Number.NEGATIVE_INFINITY, given: [] };
  }

  async #forget(consumer: string): Promise<void> {
    const reader = this.#readers.get(consumer);
    this.#readers.delete(consumer);
    (await reader)?.client.destroy();
  }

  #newClient(): RedisClientType {
    const options = {
      commandsQueueMaxLength: WAITING_COMMANDS_MAX,
      pingInterval: PING_EVERY_MS,
      socket: {
        socketTimeout: SILENCE_MS_MAX,
        reconnectStrategy: (retries: number) => Math.min(50 * 2 ** retries, RECONNECT_MS_MAX),
      },
    };
    const urls = this.#options.url.split(',').map((url) => url.trim());
    const client =
      urls.length > 1
        ? createCluster({ rootNodes: urls.map((url) => ({ url })), defaults: options })
        : createClient({ ...options, url: urls[0]! });
    client.on('error', (error: Error) => this.#options.onError?.(error));
    // The same commands under the same names; a cluster finds the node of the one key by itself.
    return client as unknown as RedisClientType;
  }
}
