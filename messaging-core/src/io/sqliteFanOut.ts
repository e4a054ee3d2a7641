// Group messages: accepted with one write, then brought into the members'
// queues a batch at a time. The cursor moves in the transaction that fills the
// queues, so a crash neither skips nor repeats a device. Groups take turns, so that
// a busy one holds up itself only.
import type { DatabaseSync } from 'node:sqlite';
import {
  type AccountId,
  type Address,
  addressKey,
  type DeviceId,
  type GroupId,
  type MessageId,
} from '@carillon/protocol';
import type { FanOutStep, GroupAcceptOutcome, NewGroupMessage, QueueLimits } from '../core/messagingStore.ts';
import type { SqliteDirectory } from './sqliteDirectory.ts';
import type { SqliteGroups } from './sqliteGroups.ts';
import type { NewEnvelope, SqliteQueues } from './sqliteQueues.ts';
import type { RememberedSends } from './sqliteSends.ts';
import type { SqliteSettings } from './sqliteSettings.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

/** Accepted and not yet in every queue. More takes larger bursts, and disk: each may hold a 64 KiB ciphertext. */
export const FAN_OUTS_MAX = 10_000;
/** Of those, sent by one account. More lets fewer people fill it for all. */
export const FAN_OUTS_PER_ACCOUNT_MAX = 1_000;
/** Part of each batch that urgent messages leave to the others: however many there are, the others move on. */
const ORDINARY_SHARE = 1 / 4;

interface FanOutRow {
  group_message_key: number;
  group_id: GroupId;
  message_id: MessageId;
  from_account_id: AccountId;
  from_device_id: DeviceId;
  urgent: number;
  ciphertext: Blob;
  accepted_at_ms: number;
  expires_at_ms: number;
  after_account_id: string;
  after_device_id: number;
}

interface Backlog {
  count: number;
  readonly bySender: Map<AccountId, number>;
}

interface MemberDeviceRow {
  device_key: number;
  account_id: AccountId;
  device_id: DeviceId;
}

export interface FanOutParts {
  readonly directory: SqliteDirectory;
  readonly groups: SqliteGroups;
  readonly queues: SqliteQueues;
  readonly settings: SqliteSettings;
  readonly remembered: RememberedSends;
}

export class SqliteFanOut {
  readonly #parts: FanOutParts;
  readonly #sql;
  /** Undefined: to be counted. */
  #waiting: Backlog | undefined;
  /** The group whose turn it was last, of ordinary and of urgent messages. */
  readonly #lastGroup: [ordinary: string, urgent: string] = ['', ''];

  constructor(db: DatabaseSync, parts: FanOutParts) {
    this.#parts = parts;
    this.#sql = {
      add: new Statement<{ group_message_key: number }>(
        db,
        `INSERT INTO group_messages (group_id, message_id, from_account_id, from_device_id, urgent, ciphertext,
           accepted_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING group_message_key`,
      ),
      begin: new Statement(db, 'INSERT INTO fan_outs (group_message_key, urgent, group_id) VALUES (?, ?, ?)'),
      count: new Statement<{ from_account_id: AccountId; count: number }>(
        db,
        `SELECT from_account_id, count(*) AS count FROM fan_outs JOIN group_messages USING (group_message_key)
         GROUP BY from_account_id`,
      ),
      next: new Statement<FanOutRow>(
        db,
        `SELECT group_message_key, group_messages.group_id AS group_id, message_id, from_account_id, from_device_id, group_messages.urgent AS urgent,
           ciphertext, accepted_at_ms, expires_at_ms, after_account_id, after_device_id
         FROM fan_outs JOIN group_messages USING (group_message_key)
         WHERE fan_outs.urgent = ? AND fan_outs.group_id > ? ORDER BY fan_outs.group_id, group_message_key LIMIT 1`,
      ),
      // In the order of both tables' keys, so that a batch reads no more than its own rows.
      devices: new Statement<MemberDeviceRow>(
        db,
        `SELECT device_key, m.account_id AS account_id, device_id FROM group_members AS m
           JOIN devices AS d ON d.account_id = m.account_id
         WHERE m.group_key = ?1 AND m.account_id >= ?2 AND (m.account_id > ?2 OR d.device_id > ?3)
         ORDER BY m.account_id, d.device_id LIMIT ?4`,
      ),
      moveOn: new Statement(
        db,
        'UPDATE fan_outs SET after_account_id = ?, after_device_id = ? WHERE group_message_key = ?',
      ),
      end: new Statement(db, 'DELETE FROM fan_outs WHERE group_message_key = ?'),
    };
  }

  accept(message: NewGroupMessage): GroupAcceptOutcome {
    const { directory, remembered } = this.#parts;
    const { from, messageId, groupId, acceptedAtMs } = message;
    const sender = directory.device(from);
    if (!sender) return { type: 'sender-removed' };
    const refusal = this.#refusal(message);
    if (refusal === undefined && remembered.add(sender, messageId, groupId, acceptedAtMs)) {
      this.#begin(message);
      return { type: 'accepted', acceptedAtMs };
    }
    const repeatedMs = remembered.acceptedAtMs(sender, messageId, groupId);
    return repeatedMs === undefined ? refusal! : { type: 'repeated', acceptedAtMs: repeatedMs };
  }

  /** Fills queues until `devicesMax` devices were gone through or nothing waits. */
  step(devicesMax: number, limits: QueueLimits, nowMs: number): FanOutStep {
    const reached = new Map<string, { address: Address; urgent: boolean }>();
    let left = devicesMax;
    const fill = (lane: 0 | 1, keep: number) => {
      while (left > keep) {
        const row = this.#next(lane);
        if (!row) return;
        left -= this.#fill(row, left - keep, limits, nowMs, (address) => {
          const key = addressKey(address);
          reached.set(key, { address, urgent: lane === 1 || reached.get(key)?.urgent === true });
        });
      }
    };
    // Urgent ones first: a call to one group does not wait for another group's backlog.
    fill(1, Math.floor(devicesMax * ORDINARY_SHARE));
    fill(0, 0);
    fill(1, 0);
    return { reached: [...reached.values()], more: this.#backlog().count > 0 };
  }

  /** A transaction was undone. */
  undone(): void {
    this.#waiting = undefined;
  }

  /** The oldest one of the group whose turn it is. */
  #next(lane: 0 | 1): FanOutRow | undefined {
    const row = this.#sql.next.get(lane, this.#lastGroup[lane]) ?? this.#sql.next.get(lane, '');
    if (row) this.#lastGroup[lane] = row.group_id;
    return row;
  }

  #refusal({ from, groupId, rosterRevision, devicesRevision }: NewGroupMessage): GroupAcceptOutcome | undefined {
    const { groups } = this.#parts;
    const group = groups.row(groupId);
    if (!group || !groups.isMember(group, from.accountId)) return { type: 'group-unknown' };
    const { revision, devices_revision } = group;
    if (revision !== rosterRevision || devices_revision !== devicesRevision)
      return { type: 'stale-group', rosterRevision: revision, devicesRevision: devices_revision };
    const { count, bySender } = this.#backlog();
    const hasRoom = count < FAN_OUTS_MAX && (bySender.get(from.accountId) ?? 0) < FAN_OUTS_PER_ACCOUNT_MAX;
    return hasRoom ? undefined : { type: 'backlog-full' };
  }

  #begin(message: NewGroupMessage): void {
    const { from, urgent } = message;
    const lane = urgent ? 1 : 0;
    const { group_message_key: key } = this.#sql.add.get(
      message.groupId,
      message.messageId,
      from.accountId,
      from.deviceId,
      lane,
      message.ciphertext,
      message.acceptedAtMs,
      message.expiresAtMs,
    )!;
    this.#waits(from.accountId, 1);
    this.#sql.begin.run(key, lane, message.groupId);
  }

  /** How many devices were gone through, at least one. */
  #fill(
    row: FanOutRow,
    devicesMax: number,
    limits: QueueLimits,
    nowMs: number,
    onReached: (address: Address) => void,
  ): number {
    const { directory, groups, queues, settings } = this.#parts;
    const { group_message_key: key, from_account_id: sender } = row;
    const group = row.expires_at_ms > nowMs ? groups.row(row.group_id) : undefined;
    const devices = group
      ? this.#sql.devices.all(group.group_key, row.after_account_id, row.after_device_id, devicesMax)
      : [];
    const envelope = envelopeOf(row);
    for (const { device_key: deviceKey, account_id: accountId, device_id: deviceId } of devices) {
      const isSender = accountId === sender && deviceId === row.from_device_id;
      const refused = directory.account(accountId)?.blocks === true && settings.isBlocked(sender, accountId);
      const candidate = { from: sender, to: accountId, bytes: envelope.ciphertext.length };
      if (isSender || refused || !queues.hasRoom(deviceKey, candidate, limits, nowMs)) continue;
      queues.put(deviceKey, envelope, key);
      onReached({ accountId, deviceId });
    }
    const last = devices.at(-1);
    if (last && devices.length === devicesMax) this.#sql.moveOn.run(last.account_id, last.device_id, key);
    else this.#end(key, sender);
    return Math.max(1, devices.length);
  }

  #end(key: number, sender: AccountId): void {
    this.#waits(sender, -1);
    this.#sql.end.run(key);
    this.#parts.queues.removeGroupMessage(key);
  }

  #waits(sender: AccountId, change: 1 | -1): void {
    const backlog = this.#backlog();
    backlog.count += change;
    const left = (backlog.bySender.get(sender) ?? 0) + change;
    if (left === 0) backlog.bySender.delete(sender);
    else backlog.bySender.set(sender, left);
  }

  #backlog(): Backlog {
    if (!this.#waiting) {
      const bySender = new Map(this.#sql.count.all().map((row) => [row.from_account_id, row.count] as const));
      this.#waiting = { count: [...bySender.values()].reduce((sum, count) => sum + count, 0), bySender };
    }
    return this.#waiting;
  }
}

function envelopeOf(row: FanOutRow): NewEnvelope {
  return {
    urgent: row.urgent === 1,
    messageId: row.message_id,
    from: { accountId: row.from_account_id, deviceId: row.from_device_id },
    groupId: row.group_id,
    kind: 3,
    ciphertext: row.ciphertext,
    acceptedAtMs: row.accepted_at_ms,
    expiresAtMs: row.expires_at_ms,
  };
}
