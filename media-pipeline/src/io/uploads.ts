// Resumable uploads: the tus protocol 1.0.0 (tus.io/protocols/resumable-upload)
// by @tus/server, each request under the bearer grant of its upload.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, type ErrorBody, type ErrorCode, PATHS, ProtocolError } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { Server } from '@tus/server';
import { isUploadId, type UploadId, uploadIdOf } from '../core/uploadId.ts';
import type { Grants } from './grants.ts';
import { lingerBriefly } from './lingeringRefusal.ts';
import { UploadLocker } from './uploadLocker.ts';
import type { UploadStore } from './uploadStore.ts';

/** How long the holder of an upload may finish its write when another request wants it. */
const LOCK_DRAIN_MS = 500;

const METHODS = new Set(['POST', 'HEAD', 'PATCH', 'DELETE', 'OPTIONS']);

export interface UploadsOptions {
  readonly store: UploadStore;
  readonly grants: Grants;
  readonly uploadSecret: Uint8Array;
  readonly blobBytesMax: number;
  readonly now: () => number;
  readonly log: Log;
}

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #tus: Server;

  constructor(options: UploadsOptions) {
    this.#options = options;
    this.#tus = new JsonErrorServer({
      path: PATHS.media.uploads,
      datastore: options.store,
      locker: new UploadLocker(),
      lockDrainTimeout: LOCK_DRAIN_MS,
      maxSize: options.blobBytesMax,
      relativeLocation: true,
      namingFunction: (request) => this.#allowedId(request.headers.get('authorization') ?? undefined),
      getFileIdFromRequest: (request) => new URL(request.url).pathname.split('/').pop(),
      onResponseError: (_request, error) => this.#describe(error),
    });
  }

  /** @throws ProtocolError before tus has seen the request, when the grant does not allow it. */
  async handle(request: IncomingMessage, response: ServerResponse, url: URL): Promise<boolean> {
    const id = pathId(url.pathname);
    if (id === undefined || !METHODS.has(request.method ?? '')) return false;
    if (request.method !== 'OPTIONS') await this.#admit(request, id);
    await this.#tus.handle(request, response);
    lingerBriefly(request);
    return true;
  }

  async #admit(request: IncomingMessage, id: string): Promise<void> {
    const { grants, now } = this.#options;
    const claims = await grants.check(request.headers.authorization, now());
    if ((request.method === 'POST') !== (id === '')) throw new ProtocolError('not-found');
    if (request.method === 'POST') {
      if (request.headers['upload-length'] !== String(claims.bytes)) {
        throw new ProtocolError('blob-mismatch', { words: 'The announced length is not the granted one.' });
      }
    } else if (!isUploadId(id)) throw new ProtocolError('not-found');
    else if (id !== uploadIdOf(this.#options.uploadSecret, claims)) throw new ProtocolError('forbidden');
  }

  async #allowedId(authorization: string | undefined): Promise<UploadId> {
    const { grants, now, uploadSecret } = this.#options;
    return uploadIdOf(uploadSecret, await grants.check(authorization, now()));
  }

  /** tus's own status where it has one, as clients act on it (409, 410, 423); our words and code in the body. */
  #describe(error: Error | { status_code: number; body: string }): { status_code: number; body: string } {
    if (error instanceof ProtocolError) {
      if (error.code === 'blob-mismatch') this.#options.log.warn('upload refused', { code: error.code });
      return { status_code: ERRORS[error.code].status, body: errorText(error.code, error.message) };
    }
    const status = 'status_code' in error ? Number(error.status_code) : 500;
    if (status >= 500 && error instanceof Error) {
      this.#options.log.error('upload failed', { error: error.stack ?? error.message });
    }
    const code = codeOf(status);
    return { status_code: status, body: errorText(code, ERRORS[code].words) };
  }
}

/** '' for the collection itself; undefined when the path is not of uploads. */
function pathId(pathname: string): string | undefined {
  if (pathname === PATHS.media.uploads) return '';
  if (!pathname.startsWith(`${PATHS.media.uploads}/`)) return undefined;
  return pathname.slice(PATHS.media.uploads.length + 1);
}

function codeOf(status: number): ErrorCode {
  if (status === 413) return 'blob-too-large';
  if (status === 404 || status === 410) return 'not-found';
  return status >= 500 ? 'internal-error' : 'invalid-request';
}

function errorText(code: ErrorCode, message: string): string {
  const body: ErrorBody = { error: { code, message } };
  return JSON.stringify(body);
}

/** @tus/server answers some refusals in bare text, and names no type for any: all leave as our JSON. */
class JsonErrorServer extends Server {
  override write(...[context, headers, status, body = '']: Parameters<Server['write']>): ReturnType<Server['write']> {
    if (status < 400) return super.write(context, headers, status, body);
    headers.set('Content-Type', 'application/json');
    const code = codeOf(status);
    return super.write(context, headers, status, body.startsWith('{') ? body : errorText(code, ERRORS[code].words));
  }
}
