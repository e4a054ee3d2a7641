// Blobs as files: blobs/ab/cd/<hex of the id>. An empty file is a tombstone: a
// blob has at least one byte and appears by rename only when it is whole, so that
// one name has three states and no second record can disagree with it. Names are
// hex because ids differ in case and a file system may not.
import { type FileHandle, open, opendir, rename, rm, stat, statfs, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { type BlobId, base64urlToBytes, ProtocolError } from '@carillon/protocol';
import type { BlobRange, BlobState, BlobStore } from './blobStore.ts';
import { isMissing, makeFolders, syncFolder } from './durableFile.ts';
import { Exclusive } from './exclusive.ts';

/** Bytes per read of a stream: larger costs memory per download, smaller costs processor. */
const READ_BYTES = 256 * 1024;

export class LocalBlobStore implements BlobStore {
  readonly #root: string;
  /** By file: what renews a blob and what expires it must not interleave. */
  readonly #names = new Exclusive();

  /** @param root an existing folder on the file system that uploads arrive on. */
  constructor(root: string) {
    this.#root = root;
  }

  async put(blobId: BlobId, filePath: string, nowMs: number): Promise<void> {
    const handle = await open(filePath, 'r+');
    try {
      await handle.utimes(new Date(nowMs), new Date(nowMs));
      await handle.sync();
    } finally {
      await handle.close();
    }
    await this.#takeName(blobId, filePath);
  }

  async stat(blobId: BlobId): Promise<BlobState> {
    try {
      const { size, mtimeMs } = await stat(this.#place(blobId).file);
      return size === 0 ? { state: 'expired' } : { state: 'present', bytes: size, storedAtMs: mtimeMs };
    } catch (error) {
      if (isMissing(error)) return { state: 'unknown' };
      throw error;
    }
  }

  async open(blobId: BlobId, range?: BlobRange): Promise<Readable> {
    let handle: FileHandle;
    try {
      handle = await open(this.#place(blobId).file, 'r');
    } catch (error) {
      throw isMissing(error) ? new ProtocolError('not-found') : error;
    }
    const { size } = await handle.stat();
    if (size === 0) {
      await handle.close();
      throw new ProtocolError('blob-expired');
    }
    return handle.createReadStream({ highWaterMark: READ_BYTES, ...range });
  }

  renew(blobId: BlobId, nowMs: number): Promise<boolean> {
    const { file } = this.#place(blobId);
    return this.#names.run(file, () => this.#renew(file, nowMs));
  }

  async #renew(file: string, nowMs: number): Promise<boolean> {
    let handle: FileHandle;
    try {
      handle = await open(file, 'r+');
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    try {
      if ((await handle.stat()).size === 0) return false;
      await handle.utimes(new Date(nowMs), new Date(nowMs));
      await handle.sync();
      return true;
    } finally {
      await handle.close();
    }
  }

  async delete(blobId: BlobId): Promise<void> {
    const { file, folder } = this.#place(blobId);
    try {
      await unlink(file);
    } catch (error) {
      if (isMissing(error)) return;
      throw error;
    }
    await syncFolder(folder);
  }

  async expire(times: { storedBeforeMs: number; forgetBeforeMs: number; nowMs: number }): Promise<number> {
    let expired = 0;
    for await (const file of filesUnder(this.#root)) {
      if (await this.#names.run(file, () => this.#age(file, times))) expired++;
    }
    return expired;
  }

  async #age(file: string, times: { storedBeforeMs: number; forgetBeforeMs: number; nowMs: number }): Promise<boolean> {
    const found = await stat(file).catch(() => undefined);
    if (!found) return false;
    if (found.size === 0) {
      if (found.mtimeMs < times.forgetBeforeMs) await rm(file, { force: true });
      return false;
    }
    if (found.mtimeMs >= times.storedBeforeMs) return false;
    await this.#bury(file, times.nowMs);
    return true;
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#root);
    return bavail * bsize;
  }

  /** A rename, not a truncation: whoever reads the blob at this moment reads it to its end. */
  async #bury(file: string, nowMs: number): Promise<void> {
    const draft = path.join(this.#root, 'tombstone.draft');
    const handle = await open(draft, 'w', 0o600);
    try {
      await handle.utimes(new Date(nowMs), new Date(nowMs));
    } finally {
      await handle.close();
    }
    await rename(draft, file);
  }

  async #takeName(blobId: BlobId, from: string): Promise<void> {
    const { file, folder, parts } = this.#place(blobId);
    await makeFolders(this.#root, ...parts);
    await this.#names.run(file, () => rename(from, file));
    await syncFolder(folder);
  }

  #place(blobId: BlobId): { file: string; folder: string; parts: [string, string] } {
    const name = Buffer.from(base64urlToBytes(blobId)).toString('hex');
    const parts: [string, string] = [name.slice(0, 2), name.slice(2, 4)];
    const folder = path.join(this.#root, ...parts);
    return { file: path.join(folder, name), folder, parts };
  }
}

async function* filesUnder(root: string): AsyncGenerator<string> {
  for (const folder of await subfolders(root)) {
    for (const inner of await subfolders(folder)) {
      const entries = await opendir(inner);
      for await (const entry of entries) if (entry.isFile()) yield path.join(inner, entry.name);
    }
  }
}

/** At most 256 by the shape of the names. */
async function subfolders(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of await opendir(folder)) {
    if (entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name)) found.push(path.join(folder, entry.name));
  }
  return found;
}
