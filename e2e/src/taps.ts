// What the servers saw and keep: for asserting that none of it opens.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

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
