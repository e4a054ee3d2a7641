// Small blobs in memory: an album just posted is asked for by every member at
// once. However many ask, the store reads a blob once; those who come meanwhile
// wait for the same read.
import type { BlobId } from '@carillon/protocol';
import { LRUCache } from 'lru-cache';
import type { BlobStore } from './blobStore.ts';

/** Prepared photos are about 1 MB. Larger blobs are streamed: caching one would push out many. */
const CACHED_BLOB_BYTES_MAX = 2 * 1024 * 1024;

export interface CachedBlob {
  readonly bytes: Buffer;
  readonly storedAtMs: number;
}

export class BlobCache {
  readonly #blobs: BlobStore;
  readonly #cache: LRUCache<BlobId, CachedBlob, number> | undefined;

  constructor(blobs: BlobStore, bytesMax: number) {
    this.#blobs = blobs;
    if (bytesMax === 0) return;
    this.#cache = new LRUCache<BlobId, CachedBlob, number>({
      maxSize: bytesMax,
      sizeCalculation: (blob) => Math.max(1, blob.bytes.length),
      // One reader's going away must not fail the others.
      ignoreFetchAbort: true,
      allowStaleOnFetchAbort: true,
      fetchMethod: async (blobId, _stale, { context: storedAtMs }) => ({ bytes: await this.#read(blobId), storedAtMs }),
    });
  }

  /** What is in memory already; undefined otherwise. */
  peek(blobId: BlobId): CachedBlob | undefined {
    return this.#cache?.get(blobId);
  }

  accepts(bytes: number): boolean {
    return this.#cache !== undefined && bytes <= Math.min(CACHED_BLOB_BYTES_MAX, this.#cache.maxSize);
  }

  /** @throws ProtocolError `not-found`, `blob-expired` */
  async fetch(blobId: BlobId, storedAtMs: number): Promise<CachedBlob> {
    if (!this.#cache) return { bytes: await this.#read(blobId), storedAtMs };
    const found = await this.#cache.fetch(blobId, { context: storedAtMs });
    return found ?? { bytes: await this.#read(blobId), storedAtMs };
  }

  forget(blobId: BlobId): void {
    this.#cache?.delete(blobId);
  }

  async #read(blobId: BlobId): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for await (const chunk of (await this.#blobs.open(blobId)) as AsyncIterable<Buffer>) chunks.push(chunk);
    return Buffer.concat(chunks);
  }
}
