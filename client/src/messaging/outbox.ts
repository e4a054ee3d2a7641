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
import type { EnvelopeSender } from './envelopeSender.ts';
import type { Sealed } from './sessions.ts';

/** Higher: longer offline writing; each waiting message costs its size in storage. */
const WAITING_MAX = 10_000;
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

/** What the server has taken. */
interface Taken {
  readonly devices: DeviceId[];
  readonly acceptedAtMs: number;
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
    for (let failures = 0; !this.#closed && isOnline(); ) {
      const [next] = await ledger.read((tx) => tx.list<OutboxItem>('outbox', { ...laneRange(to), limit: 1 }));
      if (!next) return;
      const { key, value: item } = next;
      if (item.expiresAtMs > 0 && item.expiresAtMs <= now()) {
        await this.#finish(
          key,
          item,
          new ProtocolError('unreachable', { words: 'It expired before it could be sent.' }),
        );
        continue;
      }
      try {
        await this.#finish(key, item, await this.#send(key, item));
        failures = 0;
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        if (error.code === 'identity-changed') {
          this.#settle(item.messageId, error);
          return;
        }
        if (!PASSING.has(error.code)) await this.#finish(key, item, error);
        else if (isOnline())
          await this.#pause(to, Math.max(backoffMs(failures++, Math.random()), error.details.retryAfterMs ?? 0));
      }
    }
  }

  async #send(key: string, item: OutboxItem): Promise<Taken> {
    if (isGroupId(item.to)) {
      const { messageId, to: groupId, content, urgent, expiresAtMs, ciphertext } = item;
      const keep = (tx: StoreTransaction, sealed: Uint8Array<ArrayBuffer>) =>
        tx.put('outbox', key, { ...item, ciphertext: sealed } satisfies OutboxItem);
      const draft = { messageId, groupId, content, urgent, expiresAtMs, ciphertext, keep };
      return { devices: [], ...(await this.#parts.groups.send(draft)) };
    }
    const watcher = this.#watchers.get(item.messageId);
    const encode = (device: DeviceId) => {
      if (item.only !== undefined && item.only !== device) return NOTHING;
      return watcher?.encode(device) ?? item.content;
    };
    return this.#parts.sender.send({
      messageId: item.messageId,
      to: item.to,
      urgent: item.urgent,
      expiresAtMs: item.expiresAtMs,
      sealed: item.sealed,
      encode,
      freshSession: item.freshSession ? item.only : undefined,
      keep: (tx, sealed) => tx.put('outbox', key, { ...item, sealed } satisfies OutboxItem),
    });
  }

  async #finish(key: string, item: OutboxItem, outcome: Taken | ProtocolError): Promise<void> {
    const copyLane = await this.#parts.ledger.change(async (tx, changes) => {
      await tx.delete('outbox', key);
      if (outcome instanceof ProtocolError) {
        await failMessage(tx, changes, item.messageId, outcome.message);
        return undefined;
      }
      const message = await findMessage(tx, item.messageId);
      if (message?.outgoing) await noteAccepted(tx, message, outcome.acceptedAtMs);
      await advanceStatus(tx, changes, item.messageId, 'sent', item.to);
      return item.copy ? this.#parts.copySent(tx, item) : undefined;
    });
    this.#settle(item.messageId, outcome);
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
