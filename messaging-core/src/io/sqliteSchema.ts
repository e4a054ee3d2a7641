// The tables of the embedded store. `user_version` counts the migrations that
// have run; each runs once, in a transaction.
import type { DatabaseSync } from 'node:sqlite';

/** Only added to: each was run by databases that there are. */
export const MIGRATIONS: readonly string[] = [
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
  // 2: linked devices, post-quantum prekeys, groups; what one process can count in memory is no longer counted by triggers.
  `
  ALTER TABLE accounts ADD COLUMN last_seen_ms INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE accounts ADD COLUMN presence TEXT NOT NULL DEFAULT 'key-holders';
  ALTER TABLE accounts ADD COLUMN presence_key_digest BLOB;

  CREATE TABLE device_lists (
    account_id TEXT PRIMARY KEY REFERENCES accounts ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    -- 32 bytes each, one after the other.
    identity_keys BLOB NOT NULL,
    signature BLOB NOT NULL
  ) STRICT;

  DROP TRIGGER envelope_queued;
  DROP TRIGGER envelope_gone;
  ALTER TABLE devices DROP COLUMN name;
  ALTER TABLE devices DROP COLUMN queued_messages;
  ALTER TABLE devices DROP COLUMN queued_bytes;
  -- Seqs up to it may have been given out.
  ALTER TABLE devices RENAME COLUMN last_seq TO seq_reserved;
  ALTER TABLE devices ADD COLUMN last_seen_ms INTEGER NOT NULL DEFAULT 0;

  CREATE TABLE kem_prekeys (
    device_key INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    last_resort INTEGER NOT NULL,
    prekey_id INTEGER NOT NULL,
    public_key BLOB NOT NULL,
    signature BLOB NOT NULL,
    UNIQUE (device_key, last_resort, prekey_id)
  ) STRICT;

  CREATE TABLE push_targets (
    device_key INTEGER NOT NULL REFERENCES devices ON DELETE CASCADE,
    service TEXT NOT NULL,
    token TEXT NOT NULL,
    p256dh BLOB,
    auth BLOB,
    PRIMARY KEY (device_key, service)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE blocks (
    account_id TEXT NOT NULL REFERENCES accounts ON DELETE CASCADE,
    blocked_account_id TEXT NOT NULL,
    PRIMARY KEY (account_id, blocked_account_id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE groups (
    group_key INTEGER PRIMARY KEY,
    group_id TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    devices_revision INTEGER NOT NULL,
    sealed_state BLOB NOT NULL
  ) STRICT;

  CREATE TABLE group_members (
    group_key INTEGER NOT NULL REFERENCES groups ON DELETE CASCADE,
    account_id TEXT NOT NULL,
    role TEXT NOT NULL,
    PRIMARY KEY (group_key, account_id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX group_members_by_account ON group_members (account_id);

  CREATE TABLE group_changes (
    group_key INTEGER NOT NULL REFERENCES groups ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    signed_change BLOB NOT NULL,
    UNIQUE (group_key, revision)
  ) STRICT;

  -- One ciphertext for all queues that refer to it; it goes with the last of them.
  CREATE TABLE group_messages (
    group_message_key INTEGER PRIMARY KEY AUTOINCREMENT,
    group_id TEXT NOT NULL,
    message_id TEXT NOT NULL,
    from_account_id TEXT NOT NULL,
    from_device_id INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    ciphertext BLOB NOT NULL,
    accepted_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX group_messages_by_expiry ON group_messages (expires_at_ms);

  -- Those not yet in every queue, and the address up to which they are.
  CREATE TABLE fan_outs (
    group_message_key INTEGER PRIMARY KEY REFERENCES group_messages ON DELETE CASCADE,
    urgent INTEGER NOT NULL,
    after_account_id TEXT NOT NULL DEFAULT '',
    after_device_id INTEGER NOT NULL DEFAULT 0
  ) STRICT;

  CREATE TABLE queued (
    queued_key INTEGER PRIMARY KEY,
    device_key INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    -- Either this, or all of the following.
    group_message_key INTEGER,
    message_id TEXT,
    from_account_id TEXT,
    from_device_id INTEGER,
    kind INTEGER,
    accepted_at_ms INTEGER,
    ciphertext BLOB
  ) STRICT;
  INSERT INTO queued (queued_key, device_key, urgent, seq, bytes, expires_at_ms, message_id, from_account_id,
      from_device_id, kind, accepted_at_ms, ciphertext)
    SELECT envelope_key, device_key, urgent, seq, length(ciphertext), expires_at_ms, message_id, from_account_id,
      from_device_id, kind, accepted_at_ms, ciphertext FROM envelopes ORDER BY envelope_key;
  DROP TABLE envelopes;
  -- With the bytes, so that a queue is counted without reading its rows.
  CREATE INDEX queued_in_order ON queued (device_key, urgent, seq, bytes);
  CREATE INDEX queued_by_expiry ON queued (expires_at_ms);
  CREATE INDEX queued_by_group_message ON queued (group_message_key) WHERE group_message_key IS NOT NULL;

  -- Keys grow with time, so the oldest are at the front.
  CREATE TABLE remembered_sends (
    send_key INTEGER PRIMARY KEY,
    sender_device_key INTEGER NOT NULL,
    message_id TEXT NOT NULL,
    -- The account or group it was sent to.
    recipient_id TEXT NOT NULL,
    accepted_at_ms INTEGER NOT NULL
  ) STRICT;
  INSERT INTO remembered_sends SELECT * FROM accepted_sends ORDER BY accepted_key;
  DROP TABLE accepted_sends;
  CREATE UNIQUE INDEX remembered_sends_by_id ON remembered_sends (sender_device_key, message_id, recipient_id);
  `,
  // 3: groups take turns.
  `
  ALTER TABLE fan_outs ADD COLUMN group_id TEXT NOT NULL DEFAULT '';
  UPDATE fan_outs SET group_id =
    (SELECT group_id FROM group_messages WHERE group_messages.group_message_key = fan_outs.group_message_key);
  CREATE INDEX fan_outs_in_turn ON fan_outs (urgent, group_id, group_message_key);
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
