// The devices' queues. The rows are the truth; beside them this keeps in memory
// what every send asks (the next seq, how full the queue is) and each queue's
// tail: what was queued after a connected device had read to the end. It is
// delivered from here, and never read back from the database.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, DeviceId, GroupId, MessageId } from '@carillon/protocol';
import { LRUCache } from 'lru-cache';
import type { EnvelopeKindCode, PageQuery, QueuedEnvelope, QueueLimits } from '../core/messagingStore.ts';
import { QueueTail, TailBudget } from './queueTail.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

/** About 300 bytes each. Fewer, and a send to a device that is not held reads its queue's index. */
const QUEUES_MAX = 50_000;
/** Seqs taken at once, so that a send need not write the counter. A restart skips those left over. */
const SEQS_RESERVED = 1_000;
/** Rows one sweep deletes at most: bounds how long it holds up sends. */
export const SWEEP_ROWS_MAX = 500;
const KIND_SENDER_KEY = 3;

export type NewEnvelope = Omit<QueuedEnvelope, 'seq'> & { readonly expiresAtMs: number };

interface Queue {
  seq: number;
  seqReserved: number;
  messages: number;
  bytes: number;
  readonly urgent: QueueTail;
  readonly ordinary: QueueTail;
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
           ifnull(q.accepted_at_ms, g.accepted_at_ms) AS accepted_at_ms
         FROM queued AS q LEFT JOIN group_messages AS g USING (group_message_key)
         WHERE device_key = ? AND q.urgent = ? AND seq > ? AND q.expires_at_ms > ? ORDER BY seq LIMIT ?`,
      ),
      acknowledge: new Statement<GoneRow>(
        db,
        `DELETE FROM queued WHERE device_key = ? AND urgent IN (0, 1) AND seq = ? ${GONE}`,
      ),
      removeExpiredOf: new Statement<GoneRow>(
        db,
        `DELETE FROM queued WHERE device_key = ? AND expires_at_ms <= ? ${GONE}`,
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
  hasRoom(deviceKey: number, bytes: number, limits: QueueLimits, nowMs: number): boolean {
    const queue = this.#queue(deviceKey);
    const fits = () => queue.messages < limits.messagesMax && queue.bytes + bytes <= limits.bytesMax;
    if (fits()) return true;
    this.#gone(this.#sql.removeExpiredOf.all(deviceKey, nowMs));
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
    tailOf(queue, urgent).push({ ...envelope, seq });
  }

  page(deviceKey: number, { urgent, afterSeq, limit, nowMs }: PageQuery): readonly QueuedEnvelope[] {
    const tail = tailOf(this.#queue(deviceKey), urgent);
    const inMemory = tail.page(afterSeq, limit, nowMs);
    if (inMemory) return inMemory;
    const rows = this.#sql.page.all(deviceKey, urgent ? 1 : 0, afterSeq, nowMs, limit);
    if (rows.length < limit) tail.begin(rows.at(-1)?.seq ?? afterSeq);
    return rows.map((row) => ({
      seq: row.seq,
      urgent,
      messageId: row.message_id,
      from: { accountId: row.from_account_id, deviceId: row.from_device_id },
      groupId: row.group_id ?? undefined,
      kind: row.kind,
      ciphertext: row.ciphertext,
      acceptedAtMs: row.accepted_at_ms,
    }));
  }

  acknowledge(deviceKey: number, seqs: readonly number[]): void {
    const queue = this.#queue(deviceKey);
    const gone: GoneRow[] = [];
    for (const seq of seqs) {
      queue.urgent.remove(seq);
      queue.ordinary.remove(seq);
      const row = this.#sql.acknowledge.get(deviceKey, seq);
      if (row) gone.push(row);
    }
    this.#gone(gone);
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
    const tail = () => new QueueTail(this.#tailBudget);
    const queue: Queue = { seq, seqReserved: seq, messages, bytes, urgent: tail(), ordinary: tail() };
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

function tailOf(queue: Queue, urgent: boolean): QueueTail {
  return urgent ? queue.urgent : queue.ordinary;
}

function letGo(queue: Queue): void {
  queue.urgent.end();
  queue.ordinary.end();
}
