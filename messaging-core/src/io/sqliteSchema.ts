// The tables of the embedded store. `user_version` counts the migrations that
// have run; each runs once, in a transaction.
import type { DatabaseSync } from 'node:sqlite';

const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE accounts (
    account_id TEXT PRIMARY KEY,
    handle TEXT NOT NULL UNIQUE,
    -- Grows for ever: a device id is never used again.
    last_device_id INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
  ) STRICT;

  CREATE TABLE devices (
    device_key INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    device_id INTEGER NOT NULL,
    name TEXT NOT NULL,
    identity_key BLOB NOT NULL,
    signed_prekey_id INTEGER NOT NULL,
    signed_prekey BLOB NOT NULL,
    signed_prekey_signature BLOB NOT NULL,
    last_seq INTEGER NOT NULL DEFAULT 0,
    queued_messages INTEGER NOT NULL DEFAULT 0,
    queued_bytes INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    UNIQUE (account_id, device_id)
  ) STRICT;

  CREATE TABLE one_time_prekeys (
    device_key INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    prekey_id INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    PRIMARY KEY (device_key, prekey_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE envelopes (
    envelope_key INTEGER PRIMARY KEY,
    device_key INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    seq INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    from_account_id TEXT NOT NULL,
    from_device_id INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    ciphertext BLOB NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX envelopes_in_order ON envelopes (device_key, urgent, seq);
  CREATE INDEX envelopes_by_expiry ON envelopes (expires_at_ms);

  -- The queue's size lives on the device, so that a send need not count.
  CREATE TRIGGER envelope_queued AFTER INSERT ON envelopes BEGIN
    UPDATE devices SET queued_messages = queued_messages + 1, queued_bytes = queued_bytes + length(NEW.ciphertext)
      WHERE device_key = NEW.device_key;
  END;
  CREATE TRIGGER envelope_gone AFTER DELETE ON envelopes BEGIN
    UPDATE devices SET queued_messages = queued_messages - 1, queued_bytes = queued_bytes - length(OLD.ciphertext)
      WHERE device_key = OLD.device_key;
  END;

  -- Send ids accepted: a repeat is answered from here [MSG-3].
  CREATE TABLE accepted_sends (
    accepted_key INTEGER PRIMARY KEY AUTOINCREMENT,
    sender_device_key INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    recipient_account_id TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE UNIQUE INDEX accepted_sends_by_id ON accepted_sends (sender_device_key, message_id, recipient_account_id);
  `,
];

/** @throws Error in words when another process has the database, or a newer version wrote it. */
export function prepareDatabase(db: DatabaseSync): void {
  try {
    // One process owns the data: what it tells connected devices depends on seeing every write.
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;');
    db.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = FAST;');
    db.exec('BEGIN IMMEDIATE; COMMIT;');
  } catch (cause) {
    const locked = cause instanceof Error && /locked|busy/.test(cause.message);
    throw locked ? new Error('Another messaging-core is using this data folder.', { cause }) : cause;
  }
  const { user_version: version } = db.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version > MIGRATIONS.length) throw new Error('The data folder was written by a newer messaging-core.');
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    db.exec(`BEGIN; ${sql} PRAGMA user_version = ${index + 1}; COMMIT;`);
  }
}
