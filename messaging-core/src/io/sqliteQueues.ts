// The devices' queues. The rows are the truth; beside them this keeps in memory
// what every send asks (the next seq, how full the queue is) and each queue's
// tail: what was queued after a connected device had read to the end. It is
// delivered from here, and never read back from the database.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, DeviceId, GroupId, MessageId } from '@carillon/protocol';
import { LRUCache } from 'lru-cache';
import {
  type EnvelopeKindCode,
  type PageQuery,
  type QueuedEnvelope,
  type QueueLimits,
  senderShare,
} from '../core/messagingStore.ts';
import { QueueTail, TailBudget } from './queueTail.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

/** About 300 bytes each. Fewer, and a send to a device that is not held reads its queue's index. */
const QUEUES_MAX = 50_000;
/** Seqs taken at once, so that a send need not write the counter. A restart skips those left over. */
const SEQS_RESERVED = 1_000;
/** A full queue is gone through for what has expired so often at most: that reads all of it, and anybody may send to it. */
const FULL_LOOK_EVERY_MS = 1_000;
/** Rows one sweep deletes at most: bounds how long it holds up sends. */
export const SWEEP_ROWS_MAX = 500;
const KIND_SENDER_KEY = 3;

export type NewEnvelope = Omit<QueuedEnvelope, 'seq'> & { readonly expiresAtMs: number };

interface Queue {
  seq: number;
  seqReserved: number;
  messages: number;
  bytes: number;
  readonly urgent: Lane;
  readonly ordinary: Lane;
  /** Once it was full: when it was gone through, and that nothing in it expires before. */
  full: { lookedAtMs: number; firstExpiryMs: number } | undefined;
  /** While it is larger than one sender's share: what each had in it when that was counted, and has added since. */
  senders: { readonly countedAtMs: number; readonly of: Map<AccountId, Size> } | undefined;
}

interface Size {
  messages: number;
  bytes: number;
}

/** Of an envelope that may be queued. */
export interface Candidate {
  readonly from: AccountId;
  /** Whose queue it is. */
  readonly to: AccountId;
  readonly bytes: number;
}

/** The urgent or the ordinary part of a queue. */
class Lane extends QueueTail {
  /** What the present connection was given and has not acknowledged, by seq, so that an ack need not look it up. */
  read: Map<number, ReadEnvelope> | undefined;
}

interface ReadEnvelope {
  readonly bytes: number;
  readonly groupMessageKey: number | null;
}

interface EnvelopeRow {
  seq: number;
  message_id: MessageId;
  from_account_id: AccountId;
  from_device_id: DeviceId;
  group_id: GroupId | null;
  kind: EnvelopeKindCode;
  ciphertext: Blob;
  accepted_at_ms: number;
  group_message_key: number | null;
}

interface GoneRow {
  device_key: number;
  bytes: number;
  group_message_key: number | null;
}

const GONE = 'RETURNING device_key, bytes, group_message_key';

export class SqliteQueues {
  readonly #queues = new LRUCache<number, Queue>({ max: QUEUES_MAX, dispose: (queue) => letGo(queue) });
  readonly #tailBudget = new TailBudget();
  readonly #sql;

  constructor(db: DatabaseSync) {
    this.#sql = {
      state: new Statement<{ seq_reserved: number; messages: number; bytes: number }>(
        db,
        `SELECT seq_reserved, count(queued_key) AS messages, ifnull(sum(bytes), 0) AS bytes FROM devices
           LEFT JOIN queued USING (device_key) WHERE devices.device_key = ?`,
      ),
      reserveSeqs: new Statement(db, 'UPDATE devices SET seq_reserved = ? WHERE device_key = ?'),
      put: new Statement(
        db,
        `INSERT INTO queued (device_key, urgent, seq, bytes, expires_at_ms, message_id, from_account_id,
           from_device_id, kind, accepted_at_ms, ciphertext) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ),
      putReference: new Statement(
        db,
        `INSERT INTO queued (device_key, urgent, seq, bytes, expires_at_ms, group_message_key)
           VALUES (?, ?, ?, ?, ?, ?)`,
      ),
      page: new Statement<EnvelopeRow>(
        db,
        `SELECT seq, ifnull(q.message_id, g.message_id) AS message_id,
           ifnull(q.from_account_id, g.from_account_id) AS from_account_id,
           ifnull(q.from_device_id, g.from_device_id) AS from_device_id, g.group_id AS group_id,
           ifnull(q.kind, ${KIND_SENDER_KEY}) AS kind, ifnull(q.ciphertext, g.ciphertext) AS ciphertext,
           ifnull(q.accepted_at_ms, g.accepted_at_ms) AS accepted_at_ms, q.group_message_key AS group_message_key
         FROM queued AS q LEFT JOIN group_messages AS g USING (group_message_key)
         WHERE device_key = ? AND q.urgent = ? AND seq > ? AND q.expires_at_ms > ? ORDER BY seq LIMIT ?`,
      ),
      // Six times as fast as the one after it.
      acknowledge: new Statement(db, 'DELETE FROM queued WHERE device_key = ? AND urgent = ? AND seq = ?'),
      acknowledgeUnread: new Statement<GoneRow>(
        db,
        `DELETE FROM queued WHERE device_key = ? AND urgent IN (0, 1) AND seq = ? ${GONE}`,
      ),
      removeExpiredOf: new Statement<GoneRow>(
        db,
        `DELETE FROM queued WHERE device_key = ? AND expires_at_ms <= ? ${GONE}`,
      ),
      bySender: new Statement<{ sender: AccountId; messages: number; bytes: number }>(
        db,
        `SELECT ifnull(q.from_account_id, g.from_account_id) AS sender, count(*) AS messages, sum(q.bytes) AS bytes
           FROM queued AS q LEFT JOIN group_messages AS g USING (group_message_key)
           WHERE device_key = ? AND q.expires_at_ms > ? GROUP BY sender`,
      ),
      firstExpiry: new Statement<{ first: number | null }>(
        db,
        'SELECT min(expires_at_ms) AS first FROM queued WHERE device_key = ?',
      ),
      removeExpired: new Statement<GoneRow>(
        db,
        `DELETE FROM queued WHERE queued_key IN
           (SELECT queued_key FROM queued WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?) ${GONE}`,
      ),
      removeQueue: new Statement<GoneRow>(db, `DELETE FROM queued WHERE device_key = ? ${GONE}`),
      // An index only over rows that refer to one tells at once whether this was the last of them.
      removeUnreferenced: new Statement(
        db,
        `DELETE FROM group_messages WHERE group_message_key = ?1
           AND NOT EXISTS (SELECT 1 FROM queued WHERE group_message_key = ?1)
           AND NOT EXISTS (SELECT 1 FROM fan_outs WHERE group_message_key = ?1)`,
      ),
    };
  }

  /** Whether an envelope fits; what nobody will read any more does not count. */
  hasRoom(deviceKey: number, candidate: Candidate, limits: QueueLimits, nowMs: number): boolean {
    const queue = this.#queue(deviceKey);
    const { bytes } = candidate;
    const fits = () => fitsInto(queue, bytes, limits);
    if (!this.#senderHasRoom(deviceKey, queue, candidate, limits, nowMs)) return false;
    if (fits()) return true;
    const { full } = queue;
    if (full && (nowMs < full.firstExpiryMs || Math.abs(nowMs - full.lookedAtMs) < FULL_LOOK_EVERY_MS)) return false;
    this.#gone(this.#sql.removeExpiredOf.all(deviceKey, nowMs));
    const first = this.#sql.firstExpiry.get(deviceKey)?.first ?? Number.POSITIVE_INFINITY;
    queue.full = { lookedAtMs: nowMs, firstExpiryMs: first };
    return fits();
  }

  /** Counted only in a queue that is larger than what one sender may have in it: others cost nothing. */
  #senderHasRoom(
    deviceKey: number,
    queue: Queue,
    { from, to, bytes }: Candidate,
    limits: QueueLimits,
    nowMs: number,
  ): boolean {
    const share = senderShare(limits, from, to);
    if (from === to) return true;
    if (fitsInto(queue, bytes, share)) {
      queue.senders = undefined;
      return true;
    }
    const fits = () => fitsInto(queue.senders!.of.get(from) ?? NOTHING, bytes, share);
    if (queue.senders && fits()) return true;
    // What was acknowledged or has expired since is found out by counting again.
    if (queue.senders && Math.abs(nowMs - queue.senders.countedAtMs) < FULL_LOOK_EVERY_MS) return false;
    const rows = this.#sql.bySender.all(deviceKey, nowMs);
    queue.senders = { countedAtMs: nowMs, of: new Map(rows.map(({ sender, ...size }) => [sender, { ...size }])) };
    return fits();
  }

  /** @param groupMessageKey where the ciphertext is, if it is not to be stored again */
  put(deviceKey: number, envelope: NewEnvelope, groupMessageKey?: number): void {
    const queue = this.#queue(deviceKey);
    const { urgent, ciphertext, expiresAtMs, from } = envelope;
    const seq = ++queue.seq;
    if (seq > queue.seqReserved) {
      queue.seqReserved += SEQS_RESERVED;
      this.#sql.reserveSeqs.run(queue.seqReserved, deviceKey);
    }
    const lane = urgent ? 1 : 0;
    const bytes = ciphertext.length;
    if (groupMessageKey !== undefined)
      this.#sql.putReference.run(deviceKey, lane, seq, bytes, expiresAtMs, groupMessageKey);
    else
      this.#sql.put.run(
        deviceKey,
        lane,
        seq,
        bytes,
        expiresAtMs,
        envelope.messageId,
        from.accountId,
        from.deviceId,
        envelope.kind,
        envelope.acceptedAtMs,
        ciphertext,
      );
    queue.messages++;
    queue.bytes += bytes;
    if (queue.senders) {
      const size = queue.senders.of.get(from.accountId) ?? { messages: 0, bytes: 0 };
      queue.senders.of.set(from.accountId, { messages: size.messages + 1, bytes: size.bytes + bytes });
    }
    if (queue.full) queue.full.firstExpiryMs = Math.min(queue.full.firstExpiryMs, expiresAtMs);
    const { messageId, groupId, kind, acceptedAtMs } = envelope;
    laneOf(queue, urgent).push({
      envelope: { seq, urgent, messageId, from, groupId, kind, ciphertext, acceptedAtMs },
      expiresAtMs,
      groupMessageKey: groupMessageKey ?? null,
    });
  }

  page(deviceKey: number, query: PageQuery): readonly QueuedEnvelope[] {
    const lane = laneOf(this.#queue(deviceKey), query.urgent);
    // A new connection begins at the front.
    if (query.afterSeq === 0) lane.read = undefined;
    const page = lane.page(query.afterSeq, query.limit, query.nowMs) ?? this.#pageOfRows(deviceKey, lane, query);
    if (page.length > 0) lane.read ??= new Map();
    return page.map(({ envelope, groupMessageKey }) => {
      lane.read?.set(envelope.seq, { bytes: envelope.ciphertext.length, groupMessageKey });
      return envelope;
    });
  }

  #pageOfRows(deviceKey: number, lane: Lane, { urgent, afterSeq, limit, nowMs }: PageQuery) {
    const rows = this.#sql.page.all(deviceKey, urgent ? 1 : 0, afterSeq, nowMs, limit);
    if (rows.length < limit) lane.begin(rows.at(-1)?.seq ?? afterSeq);
    return rows.map((row) => ({ envelope: envelopeOf(row, urgent), groupMessageKey: row.group_message_key }));
  }

  acknowledge(deviceKey: number, seqs: readonly number[]): void {
    const queue = this.#queue(deviceKey);
    const gone: GoneRow[] = [];
    for (const seq of seqs) {
      const row =
        this.#acknowledgeRead(deviceKey, queue.ordinary, 0, seq) ??
        this.#acknowledgeRead(deviceKey, queue.urgent, 1, seq) ??
        this.#acknowledgeUnread(deviceKey, queue, seq);
      if (row) gone.push(row);
    }
    this.#gone(gone);
  }

  #acknowledgeRead(deviceKey: number, lane: Lane, laneCode: 0 | 1, seq: number): GoneRow | undefined {
    const read = lane.read?.get(seq);
    if (!lane.read || !read) return undefined;
    lane.read.delete(seq);
    if (lane.read.size === 0) lane.read = undefined;
    lane.remove(seq);
    if (this.#sql.acknowledge.run(deviceKey, laneCode, seq) === 0) return undefined;
    return { device_key: deviceKey, bytes: read.bytes, group_message_key: read.groupMessageKey };
  }

  #acknowledgeUnread(deviceKey: number, queue: Queue, seq: number): GoneRow | undefined {
    queue.urgent.remove(seq);
    queue.ordinary.remove(seq);
    return this.#sql.acknowledgeUnread.get(deviceKey, seq);
  }

  /** True when there may be more. */
  removeExpired(nowMs: number): boolean {
    const rows = this.#sql.removeExpired.all(nowMs, SWEEP_ROWS_MAX);
    this.#gone(rows);
    return rows.length === SWEEP_ROWS_MAX;
  }

  removeQueue(deviceKey: number): void {
    this.#gone(this.#sql.removeQueue.all(deviceKey));
    this.#queues.delete(deviceKey);
  }

  /** If no queue refers to it and none will. */
  removeGroupMessage(groupMessageKey: number): void {
    this.#sql.removeUnreferenced.run(groupMessageKey);
  }

  /** A transaction was undone: what is held in memory may never have been. */
  undone(): void {
    this.#queues.clear();
  }

  #queue(deviceKey: number): Queue {
    const held = this.#queues.get(deviceKey);
    if (held) return held;
    const { seq_reserved: seq, messages, bytes } = this.#sql.state.get(deviceKey)!;
    const lane = () => new Lane(this.#tailBudget);
    const lanes = { urgent: lane(), ordinary: lane() };
    const queue: Queue = { seq, seqReserved: seq, messages, bytes, ...lanes, full: undefined, senders: undefined };
    this.#queues.set(deviceKey, queue);
    return queue;
  }

  #gone(rows: readonly GoneRow[]): void {
    const groupMessages = new Set<number>();
    for (const { device_key, bytes, group_message_key } of rows) {
      const queue = this.#queues.peek(device_key);
      if (queue) {
        queue.messages--;
        queue.bytes -= bytes;
      }
      if (group_message_key !== null) groupMessages.add(group_message_key);
    }
    for (const key of groupMessages) this.removeGroupMessage(key);
  }
}

const NOTHING: Size = { messages: 0, bytes: 0 };

const fitsInto = (size: Readonly<Size>, bytes: number, max: { messagesMax: number; bytesMax: number }): boolean =>
  size.messages < max.messagesMax && size.bytes + bytes <= max.bytesMax;

function envelopeOf(row: EnvelopeRow, urgent: boolean): QueuedEnvelope {
  return {
    seq: row.seq,
    urgent,
    messageId: row.message_id,
    from: { accountId: row.from_account_id, deviceId: row.from_device_id },
    groupId: row.group_id ?? undefined,
    kind: row.kind,
    ciphertext: row.ciphertext,
    acceptedAtMs: row.accepted_at_ms,
  };
}

function laneOf(queue: Queue, urgent: boolean): Lane {
  return urgent ? queue.urgent : queue.ordinary;
}

function letGo(queue: Queue): void {
  queue.urgent.end();
  queue.ordinary.end();
}
