// GET and HEAD of a blob by its signed link: ranges, validators and caching by
// RFC 9110 and RFC 9111. The bytes are ciphertext, never to be sniffed or rendered.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { type BlobId, ProtocolError } from '@carillon/protocol';
import { entityTag, ifRangeAllows, noneMatchHits } from '../core/entityTag.ts';
import { type ByteRange, selectRange } from '../core/range.ts';
import { BlobCache } from './blobCache.ts';
import type { BlobStore } from './blobStore.ts';

export interface DownloadsOptions {
  readonly blobs: BlobStore;
  readonly cacheBytesMax: number;
  readonly retentionMs: number;
  readonly now: () => number;
}

interface Found {
  readonly size: number;
  readonly storedAtMs: number;
}

export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #cache: BlobCache;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#cache = new BlobCache(options.blobs, options.cacheBytesMax);
  }

  /** Size and age of a blob that may be fetched. @throws ProtocolError `not-found`, `blob-expired` */
  async find(blobId: BlobId): Promise<Found> {
    const { blobs, now, retentionMs } = this.#options;
    const cached = this.#cache.peek(blobId);
    if (cached) {
      if (cached.storedAtMs + retentionMs > now()) {
        return { size: cached.bytes.length, storedAtMs: cached.storedAtMs };
      }
      // Only what is there: forgetting a read under way would have the next one read again.
      this.#cache.forget(blobId);
    }
    const found = await blobs.stat(blobId);
    if (found.state === 'unknown') throw new ProtocolError('not-found');
    if (found.state === 'expired' || found.storedAtMs + retentionMs <= now()) throw new ProtocolError('blob-expired');
    return { size: found.bytes, storedAtMs: found.storedAtMs };
  }

  /** @throws ProtocolError `not-found`, `blob-expired` */
  async answer(request: IncomingMessage, response: ServerResponse, blobId: BlobId): Promise<void> {
    const found = await this.find(blobId);
    response.setHeader('etag', entityTag(blobId));
    response.setHeader('cache-control', 'private, max-age=3600, immutable');
    response.setHeader('x-content-type-options', 'nosniff');
    response.setHeader('accept-ranges', 'bytes');
    if (noneMatchHits(request.headers['if-none-match'], blobId)) {
      response.writeHead(304).end();
      return;
    }
    response.setHeader('content-type', 'application/octet-stream');
    const range = this.#range(request, blobId, found.size);
    if (range === 'unsatisfiable') {
      response.writeHead(416, { 'content-range': `bytes */${found.size}`, 'content-length': 0 }).end();
      return;
    }
    const { start, end } = range ?? { start: 0, end: found.size - 1 };
    response.setHeader('content-length', end - start + 1);
    if (range) response.setHeader('content-range', `bytes ${start}-${end}/${found.size}`);
    response.statusCode = range ? 206 : 200;
    if (request.method === 'HEAD') response.end();
    else await this.#send(response, blobId, found, { start, end });
  }

  /** A range is defined for GET alone (RFC 9110 §14.2), and for the representation that If-Range names. */
  #range(request: IncomingMessage, blobId: BlobId, size: number): ByteRange | 'unsatisfiable' | undefined {
    if (request.method !== 'GET' || !ifRangeAllows(request.headers['if-range']?.toString(), blobId)) return undefined;
    return selectRange(request.headers.range, size);
  }

  async #send(response: ServerResponse, blobId: BlobId, found: Found, range: ByteRange): Promise<void> {
    if (this.#cache.accepts(found.size)) {
      const { bytes } = await this.#cache.fetch(blobId, found.storedAtMs);
      response.end(bytes.subarray(range.start, range.end + 1));
      return;
    }
    const stream = await this.#options.blobs.open(blobId, range);
    // A reader that goes away is its own business; the headers are gone, nothing can be answered.
    await pipeline(stream, response).catch(() => response.destroy());
  }
}
