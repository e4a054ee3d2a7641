// Registration, linking and removal of devices, and the lists that name them.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address, DeviceId, Handle } from '@carillon/protocol';
import { namesExactly } from '../core/deviceList.ts';
import type {
  AccountRecord,
  DeviceListRecord,
  DeviceRecord,
  LinkOutcome,
  NewDevice,
  RegisteredDevice,
  RemoveOutcome,
} from '../core/messagingStore.ts';
import type { AccountEntry, DeviceEntry, SqliteDirectory } from './sqliteDirectory.ts';
import type { SqlitePrekeys } from './sqlitePrekeys.ts';
import type { SqliteQueues } from './sqliteQueues.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

const IDENTITY_KEY_BYTES = 32;

interface ListRow {
  revision: number;
  identity_keys: Blob;
  signature: Blob;
}

interface DeviceRow {
  device_id: DeviceId;
  identity_key: Blob;
  created_at_ms: number;
  last_seen_ms: number;
}

export class SqliteDevices {
  readonly #directory: SqliteDirectory;
  readonly #prekeys: SqlitePrekeys;
  readonly #queues: SqliteQueues;
  readonly #sql;

  constructor(db: DatabaseSync, directory: SqliteDirectory, prekeys: SqlitePrekeys, queues: SqliteQueues) {
    this.#directory = directory;
    this.#prekeys = prekeys;
    this.#queues = queues;
    this.#sql = {
      addAccount: new Statement(
        db,
        'INSERT INTO accounts (account_id, handle, last_device_id, created_at_ms) VALUES (?, ?, 0, ?)',
      ),
      setLastDeviceId: new Statement(db, 'UPDATE accounts SET last_device_id = ? WHERE account_id = ?'),
      add: new Statement<{ device_key: number }>(
        db,
        `INSERT INTO devices (account_id, device_id, identity_key, signed_prekey_id, signed_prekey,
           signed_prekey_signature, created_at_ms, last_seen_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
           RETURNING device_key`,
      ),
      remove: new Statement(db, 'DELETE FROM devices WHERE device_key = ?'),
      ofAccount: new Statement<DeviceRow>(
        db,
        `SELECT device_id, identity_key, created_at_ms, last_seen_ms FROM devices WHERE account_id = ?
           ORDER BY device_id`,
      ),
      list: new Statement<ListRow>(
        db,
        'SELECT revision, identity_keys, signature FROM device_lists WHERE account_id = ?',
      ),
      setList: new Statement(
        db,
        'INSERT OR REPLACE INTO device_lists (account_id, revision, identity_keys, signature) VALUES (?, ?, ?, ?)',
      ),
      removeList: new Statement(db, 'DELETE FROM device_lists WHERE account_id = ?'),
      // Whoever sends to these groups is to learn of the account's devices first.
      touchGroups: new Statement(
        db,
        `UPDATE groups SET devices_revision = devices_revision + 1 WHERE group_key IN
           (SELECT group_key FROM group_members WHERE account_id = ?)`,
      ),
    };
  }

  register(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): RegisteredDevice {
    let account = this.#directory.accountOf(handle);
    if (!account) {
      this.#sql.addAccount.run(newAccountId, handle, nowMs);
      account = this.#directory.account(newAccountId)!;
    }
    for (const entry of account.devices) this.#remove(entry);
    this.#sql.removeList.run(account.accountId);
    const address = this.#add(account, device, nowMs);
    return { address, removed: account.devices.map((entry) => entry.address.deviceId) };
  }

  link(
    accountId: AccountId,
    device: NewDevice,
    list: DeviceListRecord,
    devicesMax: number,
    nowMs: number,
  ): LinkOutcome {
    const account = this.#directory.account(accountId);
    if (!account) return { type: 'account-unknown' };
    if (account.devices.length >= devicesMax) return { type: 'device-limit' };
    const identityKeys = this.devices(accountId).map((present) => present.identityKey);
    if (!this.#isNext(accountId, list, [...identityKeys, device.identityKey], identityKeys))
      return { type: 'list-refused' };
    this.#setList(accountId, list);
    return { type: 'linked', address: this.#add(account, device, nowMs), handle: account.handle };
  }

  remove(address: Address, list: DeviceListRecord | undefined): RemoveOutcome {
    const { accountId, deviceId } = address;
    const entry = this.#directory.device(address);
    if (!entry) return 'device-unknown';
    const present = this.devices(accountId);
    const left = present.filter((device) => device.deviceId !== deviceId).map((device) => device.identityKey);
    const before = present.map((device) => device.identityKey);
    if (list && !this.#isNext(accountId, list, left, before)) return 'list-refused';
    this.#remove(entry);
    if (list) this.#setList(accountId, list);
    this.#changed(accountId);
    return 'removed';
  }

  devices(accountId: AccountId): readonly DeviceRecord[] {
    return this.#sql.ofAccount.all(accountId).map((row) => ({
      deviceId: row.device_id,
      identityKey: row.identity_key,
      createdAtMs: row.created_at_ms,
      lastSeenMs: row.last_seen_ms,
    }));
  }

  list(accountId: AccountId): DeviceListRecord | undefined {
    const row = this.#sql.list.get(accountId);
    if (!row) return undefined;
    const { revision, identity_keys: keys, signature } = row;
    const identityKeys = Array.from({ length: keys.length / IDENTITY_KEY_BYTES }, (_, index) =>
      keys.slice(index * IDENTITY_KEY_BYTES, (index + 1) * IDENTITY_KEY_BYTES),
    );
    return { revision, identityKeys, signature };
  }

  record(account: AccountEntry | undefined): AccountRecord | undefined {
    if (!account) return undefined;
    const { accountId, handle, devices } = account;
    const deviceIds = devices.map((device) => device.address.deviceId);
    return { accountId, handle, deviceIds, deviceList: this.list(accountId) };
  }

  /** Whether a list may follow the present one: newer, by the same primary, naming exactly `identityKeys`. */
  #isNext(
    accountId: AccountId,
    list: DeviceListRecord,
    identityKeys: readonly Uint8Array[],
    before: readonly Uint8Array[],
  ): boolean {
    const present = this.list(accountId);
    // Without a list the only device is the primary.
    const primary = present?.identityKeys[0] ?? before[0];
    if (primary === undefined || list.revision <= (present?.revision ?? 0)) return false;
    return namesExactly(list.identityKeys, primary, identityKeys);
  }

  #setList(accountId: AccountId, { revision, identityKeys, signature }: DeviceListRecord): void {
    this.#sql.setList.run(accountId, revision, Buffer.concat(identityKeys), signature);
  }

  #add(account: AccountEntry, device: NewDevice, nowMs: number): Address {
    const { accountId } = account;
    const deviceId = (account.lastDeviceId + 1) as DeviceId;
    this.#sql.setLastDeviceId.run(deviceId, accountId);
    const { id, publicKey, signature } = device.signedPrekey;
    const added = this.#sql.add.get(accountId, deviceId, device.identityKey, id, publicKey, signature, nowMs)!;
    this.#prekeys.add(added.device_key, device);
    this.#changed(accountId);
    return { accountId, deviceId };
  }

  #remove(entry: DeviceEntry): void {
    this.#queues.removeQueue(entry.key);
    this.#sql.remove.run(entry.key);
  }

  #changed(accountId: AccountId): void {
    this.#sql.touchGroups.run(accountId);
    this.#directory.changed(accountId);
  }
}
