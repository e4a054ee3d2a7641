// Which path leads where, and who may ask.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type AccessClaims,
  type BlobId,
  type BlobUrlReply,
  blobIdSchema,
  type GrantReply,
  grantRequestSchema,
  PATHS,
  ProtocolError,
} from '@carillon/protocol';
import { bearerToken, type Log, readJson, sendJson, type TokenVerifier } from '@carillon/service';
import type { AccountLimits } from '../core/accountLimits.ts';
import { checkUrl, signUrl } from '../core/signedUrl.ts';
import { uploadIdOf } from '../core/uploadId.ts';
import type { BlobStore } from './blobStore.ts';
import type { Downloads } from './downloads.ts';
import type { Grants } from './grants.ts';
import type { MediaKeys } from './keys.ts';
import { refuse } from './lingeringRefusal.ts';
import type { UploadStore } from './uploadStore.ts';
import type { Uploads } from './uploads.ts';

export interface MediaHttpOptions {
  readonly keys: MediaKeys;
  readonly blobs: BlobStore;
  readonly store: UploadStore;
  readonly grants: Grants;
  readonly uploads: Uploads;
  readonly downloads: Downloads;
  readonly limits: AccountLimits;
  readonly access: TokenVerifier<AccessClaims>;
  readonly blobBytesMax: number;
  readonly freeBytesMin: number;
  readonly urlValidMs: number;
  readonly idleMs: number;
  readonly now: () => number;
  readonly log: Log;
}

/** A grant request is about 100 bytes. */
const JSON_BYTES_MAX = 4 * 1024;
const BLOB_PATH = /^\/media\/v1\/blobs\/([A-Za-z0-9_-]{43})(\/url)?$/;

export class MediaHttp {
  readonly #options: MediaHttpOptions;

  constructor(options: MediaHttpOptions) {
    this.#options = options;
  }

  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    request.on('error', () => {});
    // Of the socket, hence for both directions: whoever neither sends nor takes a byte is gone.
    request.setTimeout(this.#options.idleMs, () => request.destroy());
    try {
      return await this.#route(request, response, url);
    } catch (error) {
      if (request.destroyed && !request.complete) {
        response.destroy();
      } else if (error instanceof ProtocolError) {
        if (error.code === 'internal-error') this.#options.log.error('request failed', { error: causeOf(error) });
        refuse(request, response, error);
      } else {
        this.#options.log.error('request failed', { error: causeOf(error) });
        refuse(request, response, new ProtocolError('internal-error', { cause: error }));
      }
      return true;
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const { method } = request;
    if (url.pathname === PATHS.media.grants && method === 'POST') {
      await this.#grant(request, response);
      return true;
    }
    const blob = BLOB_PATH.exec(url.pathname);
    if (!blob) return this.#options.uploads.handle(request, response, url);
    const blobId = blobIdSchema.safeParse(blob[1]);
    if (!blobId.success) return false;
    if (blob[2] !== undefined) {
      if (method !== 'POST') return false;
      await this.#link(request, response, blobId.data);
      return true;
    }
    if (method !== 'GET' && method !== 'HEAD') return false;
    checkUrl(this.#options.keys.urlSecret, blobId.data, url.searchParams, this.#options.now());
    await this.#options.downloads.answer(request, response, blobId.data);
    return true;
  }

  async #account(request: IncomingMessage): Promise<AccessClaims> {
    const { access, limits, now } = this.#options;
    const claims = await access.verify(bearerToken(request), now());
    limits.takeRequest(claims.sub, now());
    return claims;
  }

  async #grant(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { blobs, blobBytesMax, freeBytesMin, grants, keys, limits, now, store } = this.#options;
    const { sub } = await this.#account(request);
    const { blobId, bytes } = await readJson(request, grantRequestSchema, JSON_BYTES_MAX);
    if (bytes > blobBytesMax) throw new ProtocolError('blob-too-large');
    // A forwarded blob starts its days anew: the new reader has as long as the first one.
    const complete = await blobs.renew(blobId, now());
    const uploadId = uploadIdOf(keys.uploadSecret, { sub, blob: blobId, bytes });
    const received = complete ? bytes : await store.received(uploadId);
    if (received === undefined) limits.takeBytes(sub, bytes, now());
    if (!complete && (await blobs.freeBytes()) - (bytes - (received ?? 0)) < freeBytesMin) {
      throw new ProtocolError('storage-full');
    }
    const reply: GrantReply = {
      ...(await grants.issue(sub, blobId, bytes, now())),
      uploadUrl: PATHS.media.uploads,
      complete,
    };
    sendJson(response, 200, reply);
  }

  async #link(request: IncomingMessage, response: ServerResponse, blobId: BlobId): Promise<void> {
    const { downloads, keys, now, urlValidMs } = this.#options;
    await this.#account(request);
    await downloads.find(blobId);
    const reply: BlobUrlReply = signUrl(keys.urlSecret, blobId, now(), urlValidMs);
    sendJson(response, 200, reply);
  }
}

function causeOf(error: unknown): string {
  const cause = error instanceof ProtocolError ? (error.cause ?? error) : error;
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
