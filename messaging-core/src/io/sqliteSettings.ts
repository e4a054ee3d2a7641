// What an account has set: who may see it, whom it has blocked, where its
// devices are woken; and when it was last there.
import type { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address } from '@carillon/protocol';
import type { PresenceAudienceName, PrivacyRecord, PushServiceName, PushTarget } from '../core/messagingStore.ts';
import type { SqliteDirectory } from './sqliteDirectory.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

interface PrivacyRow {
  presence: PresenceAudienceName;
  presence_key_digest: Blob | null;
}

interface PushRow {
  service: PushServiceName;
  token: string;
  p256dh: Blob | null;
  auth: Blob | null;
}

export class SqliteSettings {
  readonly #directory: SqliteDirectory;
  readonly #sql;

  constructor(db: DatabaseSync, directory: SqliteDirectory) {
    this.#directory = directory;
    this.#sql = {
      deviceSeen: new Statement(db, 'UPDATE devices SET last_seen_ms = max(last_seen_ms, ?) WHERE device_key = ?'),
      accountSeen: new Statement(db, 'UPDATE accounts SET last_seen_ms = max(last_seen_ms, ?) WHERE account_id = ?'),
      lastSeen: new Statement<{ last_seen_ms: number }>(db, 'SELECT last_seen_ms FROM accounts WHERE account_id = ?'),
      privacy: new Statement<PrivacyRow>(db, 'SELECT presence, presence_key_digest FROM accounts WHERE account_id = ?'),
      setPrivacy: new Statement(db, 'UPDATE accounts SET presence = ?, presence_key_digest = ? WHERE account_id = ?'),
      block: new Statement(db, 'INSERT OR IGNORE INTO blocks (account_id, blocked_account_id) VALUES (?, ?)'),
      unblock: new Statement(db, 'DELETE FROM blocks WHERE account_id = ? AND blocked_account_id = ?'),
      blocks: new Statement<{ found: 1 }>(
        db,
        'SELECT 1 AS found FROM blocks WHERE account_id = ? AND blocked_account_id = ?',
      ),
      countBlocked: new Statement<{ count: number }>(db, 'SELECT count(*) AS count FROM blocks WHERE account_id = ?'),
      blocked: new Statement<{ blocked_account_id: AccountId }>(
        db,
        'SELECT blocked_account_id FROM blocks WHERE account_id = ? ORDER BY blocked_account_id',
      ),
      setTarget: new Statement(
        db,
        'INSERT OR REPLACE INTO push_targets (device_key, service, token, p256dh, auth) VALUES (?, ?, ?, ?, ?)',
      ),
      removeTarget: new Statement(db, 'DELETE FROM push_targets WHERE device_key = ? AND service = ?'),
      dropTarget: new Statement(db, 'DELETE FROM push_targets WHERE device_key = ? AND service = ? AND token = ?'),
      targets: new Statement<PushRow>(
        db,
        'SELECT service, token, p256dh, auth FROM push_targets WHERE device_key = ? ORDER BY service',
      ),
    };
  }

  seen(address: Address, atMs: number): void {
    const device = this.#directory.device(address);
    if (!device) return;
    this.#sql.deviceSeen.run(atMs, device.key);
    this.#sql.accountSeen.run(atMs, address.accountId);
  }

  lastSeenMs(accountId: AccountId): number {
    return this.#sql.lastSeen.get(accountId)?.last_seen_ms ?? 0;
  }

  privacy(accountId: AccountId): PrivacyRecord {
    const row = this.#sql.privacy.get(accountId);
    return { presence: row?.presence ?? 'key-holders', presenceKeyDigest: row?.presence_key_digest ?? undefined };
  }

  setPrivacy(accountId: AccountId, { presence, presenceKeyDigest }: PrivacyRecord): void {
    this.#sql.setPrivacy.run(presence, presenceKeyDigest ?? null, accountId);
  }

  setBlocked(accountId: AccountId, other: AccountId, blocked: boolean, max: number): boolean {
    if (!this.#directory.account(accountId)) return false;
    this.#directory.changed(accountId);
    if (!blocked) {
      this.#sql.unblock.run(accountId, other);
      return true;
    }
    if (this.#sql.blocks.get(accountId, other)) return true;
    if (this.#sql.countBlocked.get(accountId)!.count >= max) return false;
    this.#sql.block.run(accountId, other);
    return true;
  }

  blocked(accountId: AccountId): readonly AccountId[] {
    return this.#sql.blocked.all(accountId).map((row) => row.blocked_account_id);
  }

  isBlocked(accountId: AccountId, by: AccountId): boolean {
    return this.#directory.account(by)?.blocks === true && this.#sql.blocks.get(by, accountId) !== undefined;
  }

  setPushTarget(address: Address, service: PushServiceName, target: PushTarget | undefined): void {
    const device = this.#directory.device(address);
    if (!device) return;
    if (target) this.#sql.setTarget.run(device.key, service, target.token, target.p256dh ?? null, target.auth ?? null);
    else this.#sql.removeTarget.run(device.key, service);
  }

  pushTargets(address: Address): readonly PushTarget[] {
    const device = this.#directory.device(address);
    if (!device) return [];
    return this.#sql.targets.all(device.key).map(({ service, token, p256dh, auth }) => ({
      service,
      token,
      p256dh: p256dh ?? undefined,
      auth: auth ?? undefined,
    }));
  }

  dropPushTarget(address: Address, service: PushServiceName, token: string): void {
    const device = this.#directory.device(address);
    if (device) this.#sql.dropTarget.run(device.key, service, token);
  }
}
