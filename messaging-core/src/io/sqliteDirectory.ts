// Accounts and devices as the hot path needs them, kept in memory. This process
// alone has the database, so what was read or written by it stays true; after a
// transaction that was undone everything is read anew.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address, DeviceId, Handle } from '@carillon/protocol';
import { LRUCache } from 'lru-cache';
import { Statement } from './sqliteStatement.ts';

/** About 1 KB each with its device. Fewer, and a send to one that is not held costs two more reads. */
const ACCOUNTS_MAX = 50_000;

export interface DeviceEntry {
  readonly key: number;
  readonly address: Address;
}

export interface AccountEntry {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly lastDeviceId: number;
  /** In order of their ids. */
  readonly devices: readonly DeviceEntry[];
  /** Has blocked somebody: else a send need not ask whom. */
  readonly blocks: boolean;
}

interface AccountRow {
  account_id: AccountId;
  handle: Handle;
  last_device_id: number;
  blocks: number;
}

export class SqliteDirectory {
  readonly #accounts = new LRUCache<AccountId, AccountEntry>({ max: ACCOUNTS_MAX });
  readonly #account: Statement<AccountRow>;
  readonly #idOfHandle: Statement<{ account_id: AccountId }>;
  readonly #devices: Statement<{ device_key: number; device_id: DeviceId }>;

  constructor(db: DatabaseSync) {
    this.#account = new Statement(
      db,
      `SELECT account_id, handle, last_device_id,
         EXISTS (SELECT 1 FROM blocks WHERE blocks.account_id = accounts.account_id) AS blocks
         FROM accounts WHERE account_id = ?`,
    );
    this.#idOfHandle = new Statement(db, 'SELECT account_id FROM accounts WHERE handle = ?');
    this.#devices = new Statement(
      db,
      'SELECT device_key, device_id FROM devices WHERE account_id = ? ORDER BY device_id',
    );
  }

  account(accountId: AccountId): AccountEntry | undefined {
    const held = this.#accounts.get(accountId);
    if (held) return held;
    const row = this.#account.get(accountId);
    if (!row) return undefined;
    const devices = this.#devices
      .all(accountId)
      .map((device) => ({ key: device.device_key, address: { accountId, deviceId: device.device_id } }));
    const { handle, last_device_id: lastDeviceId, blocks } = row;
    const entry: AccountEntry = { accountId, handle, lastDeviceId, devices, blocks: blocks === 1 };
    this.#accounts.set(accountId, entry);
    return entry;
  }

  accountOf(handle: Handle): AccountEntry | undefined {
    const row = this.#idOfHandle.get(handle);
    return row && this.account(row.account_id);
  }

  device({ accountId, deviceId }: Address): DeviceEntry | undefined {
    return this.account(accountId)?.devices.find((device) => device.address.deviceId === deviceId);
  }

  /** What is held of the account is not true any more. */
  changed(accountId: AccountId): void {
    this.#accounts.delete(accountId);
  }

  undone(): void {
    this.#accounts.clear();
  }
}
