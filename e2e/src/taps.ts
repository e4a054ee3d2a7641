// What the servers saw and keep: for asserting that none of it opens.
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address, BlobId, DeviceId } from '@carillon/protocol';

/** Every file below a folder, in one buffer. */
export function everyByteIn(dir: string): Buffer {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Buffer.concat(files.map((entry) => readFileSync(path.join(entry.parentPath, entry.name))));
}

/** A tap file's entries: each behind its length, 32 bits, big-endian. */
export function tapped(file: string): Buffer[] {
  const bytes = readFileSync(file);
  const entries: Buffer[] = [];
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const length = bytes.readUInt32BE(offset);
    if (offset + 4 + length > bytes.length) break;
    entries.push(bytes.subarray(offset + 4, offset + 4 + length));
    offset += 4 + length;
  }
  return entries;
}

export interface ForwardedPayload {
  /** Participant number of the sender. */
  readonly number: number;
  /** MediaSource of the wire. */
  readonly source: number;
  readonly payload: Buffer;
}

/** What the sfu forwarded: number and source before each payload. */
export function forwarded(file: string): ForwardedPayload[] {
  return tapped(file).map((entry) => ({
    number: entry.readUInt32BE(0),
    source: entry[4]!,
    payload: entry.subarray(5),
  }));
}

export interface QueuedEnvelope {
  readonly from: Address;
  /** EnvelopeKind of the wire. */
  readonly kind: number;
  readonly ciphertext: Buffer;
}

/** What waits in messaging-core for a device, oldest first; to be asked while that service does not run. */
export function queuedFor(dataDir: string, { accountId, deviceId }: Address): QueuedEnvelope[] {
  // A copy: the service has a lock on its own, and opening it could write to it.
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-queue-'));
  cpSync(path.join(dataDir, 'messaging'), dir, { recursive: true });
  const db = new DatabaseSync(path.join(dir, 'messaging.db'));
  try {
    return db
      .prepare(
        'SELECT from_account_id, from_device_id, kind, ciphertext FROM queued JOIN devices USING (device_key) ' +
          'WHERE account_id = ? AND device_id = ? AND ciphertext IS NOT NULL ORDER BY seq',
      )
      .all(accountId, deviceId)
      .map((row) => ({
        from: { accountId: row.from_account_id as AccountId, deviceId: row.from_device_id as DeviceId },
        kind: Number(row.kind),
        ciphertext: Buffer.from(row.ciphertext as Uint8Array),
      }));
  } finally {
    db.close();
    rmSync(dir, { recursive: true });
  }
}

/** The file that media-pipeline keeps of a blob. */
export function storedBlob(dataDir: string, blobId: BlobId): Buffer {
  const name = Buffer.from(blobId, 'base64url').toString('hex');
  return readFileSync(path.join(dataDir, 'media/blobs', name.slice(0, 2), name.slice(2, 4), name));
}
