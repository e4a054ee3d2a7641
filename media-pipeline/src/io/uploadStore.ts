// Unfinished uploads as files, one each, for @tus/server. Its own file store does
// not sync what it acknowledges, keeps a record beside each file that a crash can
// tear, and reports an upload complete before anyone has looked at it; so this is
// a store of our own. An upload is complete once its SHA-256 is its blob's id and
// the blob store holds it: nothing here says "all of it" earlier.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, opendir, stat, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { ProtocolError } from '@carillon/protocol';
import { DataStore, ERRORS, Upload } from '@tus/server';
import { type Announced, announcedBy } from '../core/uploadId.ts';
import type { BlobStore } from './blobStore.ts';
import { isMissing, syncFolder } from './durableFile.ts';
import { Exclusive } from './exclusive.ts';

/** Hash states kept between requests, about 1 KB each; without one the file is read again at its end. */
const HASHES_MAX = 4_096;
/** Bytes written at once; larger costs memory per upload, smaller costs processor. */
const WRITE_BYTES = 512 * 1024;

interface Hashed {
  readonly hash: Hash;
  readonly offset: number;
}

export interface UploadStoreOptions {
  readonly folder: string;
  readonly blobs: BlobStore;
  /** An upload that rests longer is deleted. */
  readonly restMs: number;
  readonly freeBytesMin: number;
  readonly now: () => number;
}

export class UploadStore extends DataStore {
  readonly #options: UploadStoreOptions;
  /** Of synced files: how far they are hashed. */
  readonly #hashed = new Map<string, Hashed>();
  /** @tus/server lets go of its lock when a socket breaks, before the write under way has ended; this does not. */
  readonly #uploads = new Exclusive();

  constructor(options: UploadStoreOptions) {
    super();
    this.#options = options;
    this.extensions = ['creation', 'creation-with-upload', 'termination', 'expiration'];
  }

  /** Begins, or begins anew. @throws ProtocolError `storage-full` */
  override create(upload: Upload): Promise<Upload> {
    return this.#uploads.run(upload.id, async () => {
      const { bytes } = this.#announced(upload.id);
      const { blobs, folder, freeBytesMin } = this.#options;
      if ((await blobs.freeBytes()) - bytes < freeBytesMin) throw new ProtocolError('storage-full');
      this.#hashed.delete(upload.id);
      const handle = await open(this.#file(upload.id), 'w', 0o600);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
      await syncFolder(folder);
      this.#remember(upload.id, { hash: createHash('sha256'), offset: 0 });
      upload.creation_date = new Date(this.#options.now()).toISOString();
      return upload;
    });
  }

  /**
   * Appends; once everything is there, verifies and hands over to the blob store.
   * Returns the offset that is now durable.
   * @throws ProtocolError `blob-mismatch`, `storage-full`
   */
  override write(readable: Readable, id: string, offset: number): Promise<number> {
    return this.#uploads.run(id, async () => {
      const { bytes } = this.#announced(id);
      if (offset >= bytes) return offset;
      let handle: FileHandle;
      try {
        handle = await open(this.#file(id), 'r+');
      } catch (error) {
        throw isMissing(error) ? ERRORS.FILE_NOT_FOUND : error;
      }
      try {
        offset = await this.#append(handle, readable, id, offset);
      } finally {
        await handle.close();
      }
      if (offset === bytes) await this.#finish(id);
      return offset;
    });
  }

  override getUpload(id: string): Promise<Upload> {
    return this.#uploads.run(id, async () => {
      const { blobId, bytes } = this.#announced(id);
      const found = await stat(this.#file(id)).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      if (!found) {
        // A client that missed the last answer asks again: the blob itself is the answer.
        if ((await this.#options.blobs.stat(blobId)).state !== 'present') throw ERRORS.FILE_NOT_FOUND;
        return new Upload({ id, size: bytes, offset: bytes });
      }
      const upload = new Upload({
        id,
        size: bytes,
        offset: found.size,
        creation_date: new Date(found.mtimeMs).toISOString(),
      });
      if (this.#hashed.get(id)?.offset !== found.size) await syncFile(this.#file(id));
      // A process that was killed between the last byte and its answer left this to do.
      if (found.size >= bytes) await this.#finish(id);
      return upload;
    });
  }

  override remove(id: string): Promise<void> {
    return this.#uploads.run(id, async () => {
      this.#announced(id);
      this.#hashed.delete(id);
      await unlink(this.#file(id)).catch((error: unknown) => {
        throw isMissing(error) ? ERRORS.FILE_NOT_FOUND : error;
      });
    });
  }

  /** Bytes that are here of an upload under way; undefined when there is none. */
  async received(id: string): Promise<number | undefined> {
    return stat(this.#file(id)).then(
      ({ size }) => size,
      () => undefined,
    );
  }

  override getExpiration(): number {
    return this.#options.restMs;
  }

  override async deleteExpired(): Promise<number> {
    const { folder, now, restMs } = this.#options;
    let deleted = 0;
    for await (const entry of await opendir(folder)) {
      const file = path.join(folder, entry.name);
      if (!entry.isFile() || this.#uploads.isBusy(entry.name)) continue;
      const found = await stat(file).catch(() => undefined);
      if (!found || found.mtimeMs > now() - restMs) continue;
      await unlink(file).catch(() => {});
      this.#hashed.delete(entry.name);
      deleted++;
    }
    return deleted;
  }

  /** When every write under way has ended. */
  async idle(): Promise<void> {
    await this.#uploads.idle();
  }

  async #append(handle: FileHandle, readable: Readable, id: string, start: number): Promise<number> {
    const known = this.#hashed.get(id);
    const hash = known?.offset === start ? known.hash : undefined;
    this.#hashed.delete(id);
    let offset = start;
    try {
      for await (const batch of batches(readable)) {
        const written = handle.writev(batch, offset);
        for (const part of batch) hash?.update(part);
        const { bytesWritten } = await written;
        const expected = batch.reduce((sum, part) => sum + part.length, 0);
        if (bytesWritten !== expected) throw new ProtocolError('storage-full');
        offset += bytesWritten;
      }
    } catch (error) {
      throw storageError(error);
    } finally {
      // Also of a broken transfer: what HEAD reports next must survive loss of power.
      await handle.datasync();
    }
    if (hash) this.#remember(id, { hash, offset });
    return offset;
  }

  async #finish(id: string): Promise<void> {
    const { blobId, bytes } = this.#announced(id);
    const file = this.#file(id);
    const known = this.#hashed.get(id);
    this.#hashed.delete(id);
    const hash = known?.offset === bytes ? known.hash : await hashFile(file);
    if (hash.digest('base64url') !== blobId) {
      await unlink(file);
      throw new ProtocolError('blob-mismatch');
    }
    await this.#options.blobs.put(blobId, file, this.#options.now());
  }

  #remember(id: string, hashed: Hashed): void {
    if (this.#hashed.size >= HASHES_MAX) this.#hashed.delete(this.#hashed.keys().next().value!);
    this.#hashed.set(id, hashed);
  }

  #announced(id: string): Announced {
    const announced = announcedBy(id);
    if (!announced) throw ERRORS.FILE_NOT_FOUND;
    return announced;
  }

  /** Safe only because `announcedBy` has let the id pass: no separators, no leading dot. */
  #file(id: string): string {
    return path.join(this.#options.folder, id);
  }
}

/** Gathers small chunks, so that one write and one hash call serve many. */
async function* batches(readable: Readable): AsyncGenerator<Buffer[]> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of readable as AsyncIterable<Buffer>) {
    batch.push(chunk);
    bytes += chunk.length;
    // A slow sender's bytes are not held back: they go out when nothing more is waiting.
    if (bytes < WRITE_BYTES && readable.readableLength > 0) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (bytes > 0) yield batch;
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

async function hashFile(file: string): Promise<Hash> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: WRITE_BYTES })) hash.update(chunk as Buffer);
  return hash;
}

function storageError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT' ? new ProtocolError('storage-full', { cause: error }) : error;
}
