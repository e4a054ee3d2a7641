// The prekeys that strangers fetch to start a session (X3DH, PQXDH).
import type { DatabaseSync } from 'node:sqlite';
import type {
  BundleRecord,
  KemPrekeyRecord,
  NewDevice,
  OneTimePrekeyRecord,
  PrekeyCounts,
  PrekeyUpdate,
} from '../core/messagingStore.ts';
import type { DeviceEntry } from './sqliteDirectory.ts';
import { type Blob, Statement } from './sqliteStatement.ts';

interface KeysRow {
  identity_key: Blob;
  signed_prekey_id: number;
  signed_prekey: Blob;
  signed_prekey_signature: Blob;
}

interface KemRow {
  prekey_id: number;
  public_key: Blob;
  signature: Blob;
}

export class SqlitePrekeys {
  readonly #sql;

  constructor(db: DatabaseSync) {
    this.#sql = {
      keys: new Statement<KeysRow>(
        db,
        `SELECT identity_key, signed_prekey_id, signed_prekey, signed_prekey_signature FROM devices
           WHERE device_key = ?`,
      ),
      setSigned: new Statement(
        db,
        'UPDATE devices SET signed_prekey_id = ?, signed_prekey = ?, signed_prekey_signature = ? WHERE device_key = ?',
      ),
      add: new Statement(
        db,
        'INSERT OR IGNORE INTO one_time_prekeys (device_key, prekey_id, public_key) VALUES (?, ?, ?)',
      ),
      count: new Statement<{ count: number }>(
        db,
        'SELECT count(*) AS count FROM one_time_prekeys WHERE device_key = ?',
      ),
      take: new Statement<{ prekey_id: number; public_key: Blob }>(
        db,
        `DELETE FROM one_time_prekeys WHERE device_key = ?1 AND prekey_id =
           (SELECT min(prekey_id) FROM one_time_prekeys WHERE device_key = ?1) RETURNING prekey_id, public_key`,
      ),
      addKem: new Statement(
        db,
        `INSERT OR IGNORE INTO kem_prekeys (device_key, last_resort, prekey_id, public_key, signature)
           VALUES (?, 0, ?, ?, ?)`,
      ),
      countKem: new Statement<{ count: number }>(
        db,
        'SELECT count(*) AS count FROM kem_prekeys WHERE device_key = ? AND last_resort = 0',
      ),
      takeKem: new Statement<KemRow>(
        db,
        `DELETE FROM kem_prekeys WHERE device_key = ?1 AND last_resort = 0 AND prekey_id =
           (SELECT min(prekey_id) FROM kem_prekeys WHERE device_key = ?1 AND last_resort = 0)
           RETURNING prekey_id, public_key, signature`,
      ),
      lastResort: new Statement<KemRow>(
        db,
        'SELECT prekey_id, public_key, signature FROM kem_prekeys WHERE device_key = ? AND last_resort = 1',
      ),
      dropLastResort: new Statement(db, 'DELETE FROM kem_prekeys WHERE device_key = ? AND last_resort = 1'),
      addLastResort: new Statement(
        db,
        `INSERT INTO kem_prekeys (device_key, last_resort, prekey_id, public_key, signature) VALUES (?, 1, ?, ?, ?)`,
      ),
    };
  }

  /** Those of a device that is just being made. */
  add(deviceKey: number, { oneTimePrekeys, kemPrekeys, lastResortKemPrekey }: NewDevice): void {
    for (const { id, publicKey } of oneTimePrekeys) this.#sql.add.run(deviceKey, id, publicKey);
    for (const { id, publicKey, signature } of kemPrekeys) this.#sql.addKem.run(deviceKey, id, publicKey, signature);
    this.#setLastResort(deviceKey, lastResortKemPrekey);
  }

  publish(deviceKey: number, update: PrekeyUpdate, max: PrekeyCounts): PrekeyCounts {
    const { signed, oneTime, kem, lastResortKem } = update;
    if (signed) this.#sql.setSigned.run(signed.id, signed.publicKey, signed.signature, deviceKey);
    if (lastResortKem) this.#setLastResort(deviceKey, lastResortKem);
    const held = this.counts(deviceKey);
    const add = ({ id, publicKey }: OneTimePrekeyRecord) => this.#sql.add.run(deviceKey, id, publicKey);
    const addKem = ({ id, publicKey, signature }: KemPrekeyRecord) =>
      this.#sql.addKem.run(deviceKey, id, publicKey, signature);
    return { oneTime: fill(oneTime, held.oneTime, max.oneTime, add), kem: fill(kem, held.kem, max.kem, addKem) };
  }

  counts(deviceKey: number): PrekeyCounts {
    return { oneTime: this.#sql.count.get(deviceKey)!.count, kem: this.#sql.countKem.get(deviceKey)!.count };
  }

  identityKey(deviceKey: number): Uint8Array {
    return this.#sql.keys.get(deviceKey)!.identity_key;
  }

  take({ key, address }: DeviceEntry): BundleRecord {
    const keys = this.#sql.keys.get(key)!;
    const oneTime = this.#sql.take.get(key);
    const kem = this.#sql.takeKem.get(key) ?? this.#sql.lastResort.get(key);
    const left = this.counts(key);
    return {
      deviceId: address.deviceId,
      identityKey: keys.identity_key,
      signedPrekey: {
        id: keys.signed_prekey_id,
        publicKey: keys.signed_prekey,
        signature: keys.signed_prekey_signature,
      },
      oneTimePrekey: oneTime && { id: oneTime.prekey_id, publicKey: oneTime.public_key },
      oneTimePrekeysLeft: left.oneTime,
      kemPrekey: kem && { id: kem.prekey_id, publicKey: kem.public_key, signature: kem.signature },
      kemPrekeysLeft: left.kem,
    };
  }

  #setLastResort(deviceKey: number, { id, publicKey, signature }: KemPrekeyRecord): void {
    this.#sql.dropLastResort.run(deviceKey);
    this.#sql.addLastResort.run(deviceKey, id, publicKey, signature);
  }
}

/** How many are held after adding those that are new, up to `max`. */
function fill<T>(offered: readonly T[], held: number, max: number, add: (one: T) => number): number {
  let count = held;
  for (const one of offered) {
    if (count >= max) break;
    count += add(one);
  }
  return count;
}
