// Sends to an account: accepted once, for all of its devices or none.
import type { DatabaseSync } from 'node:sqlite';
import type { MessageId } from '@carillon/protocol';
import { deviceDifference } from '../core/deviceList.ts';
import type { EnqueueOutcome, NewMessage, QueueLimits, SweepLimits } from '../core/messagingStore.ts';
import type { AccountEntry, DeviceEntry, SqliteDirectory } from './sqliteDirectory.ts';
import { type SqliteQueues, SWEEP_ROWS_MAX } from './sqliteQueues.ts';
import type { SqliteSettings } from './sqliteSettings.ts';
import { Statement } from './sqliteStatement.ts';

/** Send ids accepted: a repeat is answered from here [MSG-3]. */
export class RememberedSends {
  readonly #sql;

  constructor(db: DatabaseSync) {
    this.#sql = {
      add: new Statement(
        db,
        `INSERT OR IGNORE INTO remembered_sends (sender_device_key, message_id, recipient_id, accepted_at_ms)
           VALUES (?, ?, ?, ?)`,
      ),
      find: new Statement<{ accepted_at_ms: number }>(
        db,
        `SELECT accepted_at_ms FROM remembered_sends
           WHERE sender_device_key = ? AND message_id = ? AND recipient_id = ?`,
      ),
      newest: new Statement<{ newest: number | null }>(db, 'SELECT max(send_key) AS newest FROM remembered_sends'),
      forget: new Statement(
        db,
        `DELETE FROM remembered_sends WHERE send_key IN
           (SELECT send_key FROM remembered_sends ORDER BY send_key LIMIT ?3)
           AND (accepted_at_ms < ?1 OR send_key <= ?2)`,
      ),
    };
  }

  /** False when it is there already. */
  add(sender: DeviceEntry, messageId: MessageId, recipientId: string, acceptedAtMs: number): boolean {
    return this.#sql.add.run(sender.key, messageId, recipientId, acceptedAtMs) === 1;
  }

  acceptedAtMs(sender: DeviceEntry, messageId: MessageId, recipientId: string): number | undefined {
    return this.#sql.find.get(sender.key, messageId, recipientId)?.accepted_at_ms;
  }

  /** True when there may be more. */
  forget({ forgetIdsBeforeMs, rememberedIdsMax }: SweepLimits): boolean {
    const tooOld = (this.#sql.newest.get()?.newest ?? 0) - rememberedIdsMax;
    return this.#sql.forget.run(forgetIdsBeforeMs, tooOld, SWEEP_ROWS_MAX) === SWEEP_ROWS_MAX;
  }
}

export class SqliteSends {
  readonly #directory: SqliteDirectory;
  readonly #queues: SqliteQueues;
  readonly #settings: SqliteSettings;
  readonly #remembered: RememberedSends;

  constructor(directory: SqliteDirectory, queues: SqliteQueues, settings: SqliteSettings, remembered: RememberedSends) {
    this.#directory = directory;
    this.#queues = queues;
    this.#settings = settings;
    this.#remembered = remembered;
  }

  enqueue(message: NewMessage, limits: QueueLimits): EnqueueOutcome {
    const { from, messageId, to, acceptedAtMs } = message;
    const sender = this.#directory.device(from);
    if (!sender) return { type: 'sender-removed' };
    const recipient = this.#directory.account(to);
    // The refusals come from memory, so that the one write to remember a send also tells a repeat.
    const refusal = this.#isAhead(message, sender) ?? this.#refusal(message, recipient, limits);
    if (refusal === undefined && this.#remembered.add(sender, messageId, to, acceptedAtMs)) {
      if (!this.#settings.isBlocked(from.accountId, to)) this.#put(message, recipient!);
      return { type: 'stored', acceptedAtMs };
    }
    // A repeat is answered as it was, even if the recipient's devices have changed since.
    const repeatedMs = this.#remembered.acceptedAtMs(sender, messageId, to);
    return repeatedMs === undefined ? refusal! : { type: 'repeated', acceptedAtMs: repeatedMs };
  }

  #isAhead({ after, to }: NewMessage, sender: DeviceEntry): EnqueueOutcome | undefined {
    const isAhead = after !== undefined && this.#remembered.acceptedAtMs(sender, after, to) === undefined;
    return isAhead ? { type: 'out-of-order' } : undefined;
  }

  #refusal(
    { from, to, envelopes, acceptedAtMs }: NewMessage,
    recipient: AccountEntry | undefined,
    limits: QueueLimits,
  ): EnqueueOutcome | undefined {
    if (!recipient) return { type: 'account-unknown' };
    const difference = deviceDifference(
      envelopes.map((envelope) => envelope.deviceId),
      { accountId: to, deviceIds: recipient.devices.map((device) => device.address.deviceId) },
      from,
    );
    if (difference) return { type: 'stale-devices', difference };
    const full = envelopes.find(({ deviceId, ciphertext }) => {
      const { key } = recipient.devices.find((device) => device.address.deviceId === deviceId)!;
      const candidate = { from: from.accountId, to, bytes: ciphertext.length };
      return !this.#queues.hasRoom(key, candidate, limits, acceptedAtMs);
    });
    return full && { type: 'queue-full', deviceId: full.deviceId };
  }

  #put(message: NewMessage, recipient: AccountEntry): void {
    const { from, messageId, urgent, acceptedAtMs, expiresAtMs } = message;
    for (const { deviceId, kind, ciphertext } of message.envelopes) {
      const { key } = recipient.devices.find((device) => device.address.deviceId === deviceId)!;
      const groupId = undefined;
      this.#queues.put(key, { urgent, messageId, from, groupId, kind, ciphertext, acceptedAtMs, expiresAtMs });
    }
  }
}
