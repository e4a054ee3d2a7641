// What the person has given to be sent, until the server has it. Each account
// has a lane of its own: in order within it, and none waits for another. What is
// here survives a restart, with its ciphertext once it was sealed.
import { pad } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type ConversationId,
  type DeviceId,
  type ErrorCode,
  isGroupId,
  type MessageId,
  ProtocolError,
} from '@carillon/protocol';
import { backoffMs } from '../connection/backoff.ts';
import { advanceStatus, failMessage, findMessage, noteAccepted } from '../conversations/history.ts';
import type { GroupSender } from '../groups/groupSender.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import type { Draft, EnvelopeSender, Taken } from './envelopeSender.ts';
import type { Sealed } from './sessions.ts';

/** Higher: longer offline writing; each waiting message costs its size in storage. */
const WAITING_MAX = 10_000;
/**
 * Messages of one lane on their way at once, sealed and noted in one commit each
 * way. More is faster where commits are slow; when the server refuses one, it
 * refuses those behind it, too.
 */
const AHEAD_MAX = 32;
/** Of all lanes together; the socket takes 256 requests. */
const IN_FLIGHT_SHARE = 128;
/** So many go one by one after something was refused, so that those behind it are not sent in vain again. */
const CAREFUL = 32;
/** A content without a body: nothing to a device that reads it. */
const NOTHING = pad(new Uint8Array(0));

/** Refusals that time mends. */
const PASSING: ReadonlySet<ErrorCode> = new Set([
  'unreachable',
  'shutting-down',
  'rate-limited',
  'internal-error',
  'queue-full',
  'slow-consumer',
  'token-expired',
  'token-invalid',
  'replaced-by-new-connection',
  'stale-devices',
  'out-of-order',
  'stale-group',
]);

export interface OutboxItem {
  readonly messageId: MessageId;
  readonly to: ConversationId;
  /** Padded content. */
  readonly content: Uint8Array;
  /** For this device alone; the account's others get an empty content. */
  readonly only: DeviceId | undefined;
  readonly freshSession: boolean;
  readonly urgent: boolean;
  /** The account's other devices get a copy once it is sent. */
  readonly copy: boolean;
  /** Unix milliseconds; 0: none. */
  readonly expiresAtMs: number;
  readonly sealed: readonly Sealed[];
  /** To a group: the one ciphertext. */
  readonly ciphertext?: Uint8Array<ArrayBuffer>;
}

type NewItem = Pick<OutboxItem, 'messageId' | 'to' | 'content'> & Partial<OutboxItem>;

interface Row {
  readonly key: string;
  readonly value: OutboxItem;
}

interface Done {
  readonly key: string;
  readonly item: OutboxItem;
  readonly outcome: Taken | ProtocolError;
}

interface Watcher {
  readonly encode: (device: DeviceId) => Uint8Array;
  readonly resolve: (devices: DeviceId[]) => void;
  readonly reject: (error: ProtocolError) => void;
}

export interface OutboxParts {
  readonly ledger: Ledger;
  readonly sender: EnvelopeSender;
  readonly groups: Pick<GroupSender, 'send'>;
  readonly isOnline: () => boolean;
  readonly now: () => number;
  /** Queues the copy for the own other devices, in the transaction that takes the item out; returns their lane, if there are any. */
  readonly copySent: (tx: StoreTransaction, item: OutboxItem) => Promise<AccountId | undefined>;
  /** The store refused; the next kick tries again. */
  readonly onStuck: () => void;
}

const laneRange = (to: string) => ({ from: `q/${to}/`, to: `q/${to}0` });

/** Waits for the server within the transaction that also shows it. @throws ProtocolError `queue-full` */
export async function enqueue(tx: StoreTransaction, item: NewItem): Promise<void> {
  const numberAt = async (reverse: boolean) => {
    const [row] = await tx.list<OutboxItem>('outbox', { ...laneRange(item.to), limit: 1, reverse });
    return row && Number(row.key.slice(row.key.lastIndexOf('/') + 1));
  };
  const last = await numberAt(true);
  const number = last === undefined ? 0 : last + 1;
  // What has gone from the front of a lane that never empties does not count.
  if (number - ((await numberAt(false)) ?? number) >= WAITING_MAX) {
    throw new ProtocolError('queue-full', { words: 'Too many messages are waiting to be sent.' });
  }
  const whole: OutboxItem = {
    only: undefined,
    freshSession: false,
    urgent: false,
    copy: false,
    expiresAtMs: 0,
    sealed: [],
    ...item,
  };
  await tx.put('outbox', `q/${item.to}/${String(number).padStart(12, '0')}`, whole);
}

/** Lanes at work at once. More: a message to many at once is out sooner, and the server's limits are met sooner. */
const LANES_MAX = 32;

export class Outbox {
  readonly #parts: OutboxParts;
  readonly #running = new Map<string, Promise<void>>();
  /** Who waits for an item, and how it is made for each device; lost with a restart, the item is not. */
  readonly #watchers = new Map<MessageId, Watcher>();
  readonly #wakes = new Map<string, () => void>();
  readonly #again = new Set<ConversationId>();
  /** They wait for a place among those at work. */
  readonly #queued = new Set<ConversationId>();
  #closed = false;

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  /** Resolves with the devices once the item has gone. Call before it is enqueued. */
  watch(messageId: MessageId, encode: (device: DeviceId) => Uint8Array): Promise<DeviceId[]> {
    return new Promise((resolve, reject) => {
      this.#watchers.set(messageId, { encode, resolve, reject });
    });
  }

  unwatch(messageId: MessageId): void {
    this.#watchers.delete(messageId);
  }

  /** There may be something to send. */
  async kick(): Promise<void> {
    if (this.#closed || !this.#parts.isOnline()) return;
    const lanes = await this.#parts.ledger.read(async (tx) => {
      const found: ConversationId[] = [];
      for (let from = 'q/'; ; ) {
        const [first] = await tx.list<OutboxItem>('outbox', { from, to: 'q0', limit: 1 });
        if (!first) return found;
        found.push(first.value.to);
        from = laneRange(first.value.to).to;
      }
    });
    for (const to of lanes) this.kickLane(to);
  }

  kickLane(to: ConversationId): void {
    if (this.#closed || !this.#parts.isOnline()) return;
    this.#wakes.get(to)?.();
    if (this.#running.has(to)) {
      this.#again.add(to);
      return;
    }
    // One that pauses takes no place.
    if (this.#running.size - this.#wakes.size >= LANES_MAX) {
      this.#queued.add(to);
      return;
    }
    const lane = this.#runLane(to)
      .catch(() => {
        if (!this.#closed) this.#parts.onStuck();
      })
      .finally(() => {
        this.#running.delete(to);
        if (this.#again.delete(to)) this.#queued.add(to);
        this.#startQueued();
      });
    this.#running.set(to, lane);
  }

  /** Resolves once everything has gone that can; never while something keeps being put off. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const wake of this.#wakes.values()) wake();
    const closed = new ProtocolError('unreachable', { words: 'The app was closed before it was sent.' });
    for (const watcher of this.#watchers.values()) watcher.reject(closed);
    this.#watchers.clear();
    await Promise.allSettled(this.#running.values());
  }

  async #runLane(to: ConversationId): Promise<void> {
    const { ledger, isOnline, now } = this.#parts;
    for (let failures = 0, careful = 0; !this.#closed && isOnline(); ) {
      const limit = careful > 0 ? 1 : this.#aheadMax(to);
      const rows = await ledger.read((tx) => tx.list<OutboxItem>('outbox', { ...laneRange(to), limit }));
      const [next] = rows;
      if (!next) return;
      if (rows.length > 1) {
        // Refused or unknown things are for the slow way, one at a time, which mends them.
        if ((await this.#sendAhead(to as AccountId, rows)) !== 'all') careful = CAREFUL;
        continue;
      }
      careful = Math.max(0, careful - 1);
      const { key, value: item } = next;
      if (item.expiresAtMs > 0 && item.expiresAtMs <= now()) {
        const outcome = new ProtocolError('unreachable', { words: 'It expired before it could be sent.' });
        await this.#finish([{ key, item, outcome }]);
        continue;
      }
      try {
        await this.#finish([{ key, item, outcome: await this.#send(key, item) }]);
        failures = 0;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        if (error.code === 'identity-changed') {
          this.#settle(item.messageId, error);
          return;
        }
        if (!PASSING.has(error.code)) await this.#finish([{ key, item, outcome: error }]);
        else if (isOnline())
          await this.#pause(to, Math.max(backoffMs(failures++, Math.random()), error.details.retryAfterMs ?? 0));
      }
    }
  }

  /** Fewer, the more lanes share the socket. To a group one goes after the other: each may change its keys. */
  #aheadMax(to: ConversationId): number {
    if (isGroupId(to)) return 1;
    return Math.max(1, Math.min(AHEAD_MAX, Math.floor(IN_FLIGHT_SHARE / Math.max(1, this.#running.size))));
  }

  /** In their order, without waiting for each answer. */
  async #sendAhead(to: AccountId, rows: readonly Row[]): Promise<'all' | 'some'> {
    const isPlain = ({ value: item }: Row) =>
      !item.freshSession && !(item.expiresAtMs > 0 && item.expiresAtMs <= this.#parts.now());
    const odd = rows.findIndex((row) => !isPlain(row));
    const ahead = odd < 0 ? rows : rows.slice(0, odd);
    if (ahead.length === 0) return 'some';
    const drafts = ahead.map(({ key, value }) => this.#draft(key, value, to));
    const outcomes = await this.#parts.sender.sendAhead(to, drafts);
    const taken = ahead.flatMap(({ key, value: item }, i) => {
      const outcome = outcomes?.[i];
      return outcome && !(outcome instanceof ProtocolError) ? [{ key, item, outcome }] : [];
    });
    await this.#finish(taken);
    return taken.length === rows.length ? 'all' : 'some';
  }

  #draft(key: string, item: OutboxItem, to: AccountId): Draft {
    const watcher = this.#watchers.get(item.messageId);
    const encode = (device: DeviceId) => {
      if (item.only !== undefined && item.only !== device) return NOTHING;
      return watcher?.encode(device) ?? item.content;
    };
    return {
      messageId: item.messageId,
      to,
      urgent: item.urgent,
      expiresAtMs: item.expiresAtMs,
      sealed: item.sealed,
      encode,
      freshSession: item.freshSession ? item.only : undefined,
      keep: (tx, sealed) => tx.put('outbox', key, { ...item, sealed } satisfies OutboxItem),
    };
  }

  async #send(key: string, item: OutboxItem): Promise<Taken> {
    if (isGroupId(item.to)) {
      const { messageId, to: groupId, content, urgent, expiresAtMs, ciphertext } = item;
      const keep = (tx: StoreTransaction, sealed: Uint8Array<ArrayBuffer>) =>
        tx.put('outbox', key, { ...item, ciphertext: sealed } satisfies OutboxItem);
      const draft = { messageId, groupId, content, urgent, expiresAtMs, ciphertext, keep };
      return { devices: [], ...(await this.#parts.groups.send(draft)) };
    }
    return this.#parts.sender.send(this.#draft(key, item, item.to));
  }

  /** Out of the outbox, together with what it means for each message. */
  async #finish(done: readonly Done[]): Promise<void> {
    if (done.length === 0) return;
    const copyLane = await this.#parts.ledger.change(async (tx, changes) => {
      let lane: AccountId | undefined;
      for (const { key, item, outcome } of done) {
        await tx.delete('outbox', key);
        if (outcome instanceof ProtocolError) {
          await failMessage(tx, changes, item.messageId, outcome.message);
          continue;
        }
        const message = await findMessage(tx, item.messageId);
        if (message?.outgoing) await noteAccepted(tx, message, outcome.acceptedAtMs);
        await advanceStatus(tx, changes, item.messageId, 'sent', item.to);
        if (item.copy) lane = (await this.#parts.copySent(tx, item)) ?? lane;
      }
      return lane;
    });
    for (const { item, outcome } of done) this.#settle(item.messageId, outcome);
    if (copyLane) this.kickLane(copyLane);
  }

  #settle(messageId: MessageId, outcome: Taken | ProtocolError): void {
    const watcher = this.#watchers.get(messageId);
    this.#watchers.delete(messageId);
    if (outcome instanceof ProtocolError) watcher?.reject(outcome);
    else watcher?.resolve(outcome.devices);
  }

  #startQueued(): void {
    const [next] = this.#queued;
    if (next === undefined) return;
    this.#queued.delete(next);
    this.kickLane(next);
  }

  #pause(to: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wakes.delete(to);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      this.#wakes.set(to, wake);
      this.#startQueued();
    });
  }
}

/** Whether trying again later makes sense. */
export const isPassing = (error: ProtocolError): boolean => PASSING.has(error.code);
