// Every statement of the embedded store, prepared once.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

/** A prepared statement whose rows have a known shape: the one place where a row is given its type. */
export class Statement<Row = never> {
  readonly #statement: StatementSync;

  constructor(db: DatabaseSync, sql: string) {
    this.#statement = db.prepare(sql);
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values) as Row | undefined;
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#statement.all(...values) as Row[];
  }

  /** Rows changed. */
  run(...values: SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes);
  }
}

type Blob = Uint8Array<ArrayBuffer>;

export interface AccountRow {
  account_id: string;
  handle: string;
  last_device_id: number;
}
export interface DeviceRow {
  device_key: number;
  device_id: number;
  identity_key: Blob;
  signed_prekey_id: number;
  signed_prekey: Blob;
  signed_prekey_signature: Blob;
  last_seq: number;
  queued_messages: number;
  queued_bytes: number;
}
export interface PrekeyRow {
  prekey_id: number;
  public_key: Blob;
}
export interface EnvelopeRow {
  seq: number;
  message_id: string;
  from_account_id: string;
  from_device_id: number;
  kind: number;
  ciphertext: Blob;
  accepted_at_ms: number;
}

const DEVICE = `device_key, device_id, identity_key, signed_prekey_id, signed_prekey, signed_prekey_signature,
  last_seq, queued_messages, queued_bytes`;

export function prepareStatements(db: DatabaseSync) {
  const on = <Row = never>(sql: string) => new Statement<Row>(db, sql);
  return {
    accountByHandle: on<AccountRow>('SELECT account_id, handle, last_device_id FROM accounts WHERE handle = ?'),
    accountById: on<AccountRow>('SELECT account_id, handle, last_device_id FROM accounts WHERE account_id = ?'),
    addAccount: on('INSERT INTO accounts (account_id, handle, last_device_id, created_at_ms) VALUES (?, ?, 0, ?)'),
    setLastDeviceId: on('UPDATE accounts SET last_device_id = ? WHERE account_id = ?'),
    devices: on<DeviceRow>(`SELECT ${DEVICE} FROM devices WHERE account_id = ? ORDER BY device_id`),
    device: on<DeviceRow>(`SELECT ${DEVICE} FROM devices WHERE account_id = ? AND device_id = ?`),
    deviceByKey: on<DeviceRow>(`SELECT ${DEVICE} FROM devices WHERE device_key = ?`),
    addDevice: on<{ device_key: number }>(
      `INSERT INTO devices (account_id, device_id, name, identity_key, signed_prekey_id, signed_prekey,
         signed_prekey_signature, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING device_key`,
    ),
    removeDevices: on('DELETE FROM devices WHERE account_id = ?'),
    setSignedPrekey: on(
      'UPDATE devices SET signed_prekey_id = ?, signed_prekey = ?, signed_prekey_signature = ? WHERE device_key = ?',
    ),
    setLastSeq: on('UPDATE devices SET last_seq = ? WHERE device_key = ?'),
    addPrekey: on('INSERT OR IGNORE INTO one_time_prekeys (device_key, prekey_id, public_key) VALUES (?, ?, ?)'),
    countPrekeys: on<{ count: number }>('SELECT count(*) AS count FROM one_time_prekeys WHERE device_key = ?'),
    takePrekey: on<PrekeyRow>(
      `DELETE FROM one_time_prekeys WHERE device_key = ?1 AND prekey_id =
         (SELECT min(prekey_id) FROM one_time_prekeys WHERE device_key = ?1) RETURNING prekey_id, public_key`,
    ),
    accepted: on<{ accepted_at_ms: number }>(
      `SELECT accepted_at_ms FROM accepted_sends
         WHERE sender_device_key = ? AND message_id = ? AND recipient_account_id = ?`,
    ),
    addAccepted: on(
      `INSERT INTO accepted_sends (sender_device_key, message_id, recipient_account_id, accepted_at_ms)
         VALUES (?, ?, ?, ?)`,
    ),
    addEnvelope: on(
      `INSERT INTO envelopes (device_key, seq, urgent, message_id, from_account_id, from_device_id, kind, ciphertext,
         accepted_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    page: on<EnvelopeRow>(
      `SELECT seq, message_id, from_account_id, from_device_id, kind, ciphertext, accepted_at_ms FROM envelopes
         WHERE device_key = ? AND urgent = ? AND seq > ? AND expires_at_ms > ? ORDER BY seq LIMIT ?`,
    ),
    acknowledge: on('DELETE FROM envelopes WHERE device_key = ? AND urgent IN (0, 1) AND seq = ?'),
    dropExpiredOf: on('DELETE FROM envelopes WHERE device_key = ? AND expires_at_ms <= ?'),
    dropExpired: on(
      `DELETE FROM envelopes WHERE envelope_key IN
         (SELECT envelope_key FROM envelopes WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?)`,
    ),
    newestAccepted: on<{ newest: number | null }>('SELECT max(accepted_key) AS newest FROM accepted_sends'),
    // Keys grow with time, so the oldest are at the front of the table.
    forgetAccepted: on(
      `DELETE FROM accepted_sends WHERE accepted_key IN
         (SELECT accepted_key FROM accepted_sends ORDER BY accepted_key LIMIT ?3)
         AND (accepted_at_ms < ?1 OR accepted_key <= ?2)`,
    ),
  };
}

export type Statements = ReturnType<typeof prepareStatements>;
