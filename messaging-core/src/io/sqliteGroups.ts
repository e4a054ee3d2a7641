// Groups: rosters and the signed changes that led to them.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, GroupId, GroupRoleName, GroupRoster } from '@carillon/protocol';
import type { GroupChangeRecord, GroupPutOutcome, GroupRecord, MemberDevices } from '../core/messagingStore.ts';
import type { SqliteDirectory } from './sqliteDirectory.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

export interface GroupRow {
  group_key: number;
  revision: number;
  devices_revision: number;
}

export class SqliteGroups {
  readonly #directory: SqliteDirectory;
  readonly #sql;

  constructor(db: DatabaseSync, directory: SqliteDirectory) {
    this.#directory = directory;
    this.#sql = {
      group: new Statement<GroupRow>(db, 'SELECT group_key, revision, devices_revision FROM groups WHERE group_id = ?'),
      state: new Statement<{ sealed_state: Blob }>(db, 'SELECT sealed_state FROM groups WHERE group_key = ?'),
      add: new Statement<{ group_key: number }>(
        db,
        `INSERT INTO groups (group_id, revision, devices_revision, sealed_state) VALUES (?, ?, ?, ?)
           RETURNING group_key`,
      ),
      setRevision: new Statement(db, 'UPDATE groups SET revision = ? WHERE group_key = ?'),
      setState: new Statement(db, 'UPDATE groups SET sealed_state = ? WHERE group_key = ?'),
      remove: new Statement(db, 'DELETE FROM groups WHERE group_key = ?'),
      members: new Statement<{ account_id: AccountId; role: GroupRoleName }>(
        db,
        'SELECT account_id, role FROM group_members WHERE group_key = ? ORDER BY account_id',
      ),
      member: new Statement<{ role: GroupRoleName }>(
        db,
        'SELECT role FROM group_members WHERE group_key = ? AND account_id = ?',
      ),
      putMember: new Statement(
        db,
        'INSERT OR REPLACE INTO group_members (group_key, account_id, role) VALUES (?, ?, ?)',
      ),
      removeMember: new Statement(db, 'DELETE FROM group_members WHERE group_key = ? AND account_id = ?'),
      addChange: new Statement(db, 'INSERT INTO group_changes (group_key, revision, signed_change) VALUES (?, ?, ?)'),
      forgetChanges: new Statement(db, 'DELETE FROM group_changes WHERE group_key = ? AND revision <= ?'),
      changes: new Statement<{ revision: number; signed_change: Blob }>(
        db,
        'SELECT revision, signed_change FROM group_changes WHERE group_key = ? AND revision > ? ORDER BY revision',
      ),
    };
  }

  create({ roster, devicesRevision, sealedState }: GroupRecord, change: GroupChangeRecord): GroupPutOutcome {
    if (this.row(roster.groupId)) return 'exists';
    const added = this.#sql.add.get(roster.groupId, roster.revision, devicesRevision, sealedState)!;
    for (const [accountId, role] of roster.members) this.#sql.putMember.run(added.group_key, accountId, role);
    this.#sql.addChange.run(added.group_key, change.revision, change.signedChange);
    return 'stored';
  }

  change(
    roster: GroupRoster,
    sealedState: Uint8Array | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): GroupPutOutcome {
    const group = this.row(roster.groupId);
    if (!group) return 'unknown';
    if (roster.revision !== group.revision + 1) return 'stale';
    const { group_key: key } = group;
    if (roster.members.size === 0) {
      this.#sql.remove.run(key);
      return 'stored';
    }
    const before = this.#members(key);
    for (const accountId of before.keys())
      if (!roster.members.has(accountId)) this.#sql.removeMember.run(key, accountId);
    for (const [accountId, role] of roster.members)
      if (before.get(accountId) !== role) this.#sql.putMember.run(key, accountId, role);
    this.#sql.setRevision.run(roster.revision, key);
    if (sealedState) this.#sql.setState.run(sealedState, key);
    this.#sql.addChange.run(key, change.revision, change.signedChange);
    this.#sql.forgetChanges.run(key, change.revision - changesKept);
    return 'stored';
  }

  record(groupId: GroupId): GroupRecord | undefined {
    const row = this.row(groupId);
    if (!row) return undefined;
    return {
      roster: { groupId, revision: row.revision, members: this.#members(row.group_key) },
      devicesRevision: row.devices_revision,
      sealedState: this.#sql.state.get(row.group_key)!.sealed_state,
    };
  }

  memberDevices(groupId: GroupId): readonly MemberDevices[] {
    const row = this.row(groupId);
    if (!row) return [];
    return [...this.#members(row.group_key).keys()]
      .map((accountId) => {
        const devices = this.#directory.account(accountId)?.devices ?? [];
        return { accountId, deviceIds: devices.map((device) => device.address.deviceId) };
      })
      .filter(({ deviceIds }) => deviceIds.length > 0);
  }

  changes(groupId: GroupId, sinceRevision: number, bytesMax: number): readonly GroupChangeRecord[] {
    const row = this.row(groupId);
    const changes: GroupChangeRecord[] = [];
    let bytes = 0;
    // Row by row: all that is kept of one group may be many megabytes.
    for (const { revision, signed_change: signedChange } of row
      ? this.#sql.changes.iterate(row.group_key, sinceRevision)
      : []) {
      bytes += signedChange.length;
      if (changes.length > 0 && bytes > bytesMax) break;
      changes.push({ revision, signedChange });
    }
    return changes;
  }

  row(groupId: GroupId): GroupRow | undefined {
    return this.#sql.group.get(groupId);
  }

  isMember({ group_key: key }: GroupRow, accountId: AccountId): boolean {
    return this.#sql.member.get(key, accountId) !== undefined;
  }

  #members(groupKey: number): Map<AccountId, GroupRoleName> {
    return new Map(this.#sql.members.all(groupKey).map(({ account_id, role }) => [account_id, role]));
  }
}
