// Download links: whoever holds one may fetch that blob until it expires, with no
// other proof, so that a plain <img>, a video element or a CDN can use it. The
// path is relative: the link works behind whatever host the device reached.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type BlobId, PATHS, ProtocolError } from '@carillon/protocol';

export interface SignedUrl {
  readonly url: string;
  readonly expiresAtMs: number;
}

function signature(secret: Uint8Array, blobId: BlobId, expires: string): Buffer {
  return createHmac('sha256', secret).update(`carillon blob url v1\0${blobId}\0${expires}`).digest();
}

export function signUrl(secret: Uint8Array, blobId: BlobId, nowMs: number, validMs: number): SignedUrl {
  const expires = Math.ceil((nowMs + validMs) / 1000);
  const mac = signature(secret, blobId, String(expires)).toString('base64url');
  return { url: `${PATHS.media.blob(blobId)}?expires=${expires}&signature=${mac}`, expiresAtMs: expires * 1000 };
}

/** @throws ProtocolError `url-invalid`, and only for a link that was once right `url-expired`. */
export function checkUrl(secret: Uint8Array, blobId: BlobId, query: URLSearchParams, nowMs: number): void {
  const expires = query.get('expires') ?? '';
  const given = Buffer.from(query.get('signature') ?? '', 'base64url');
  const right = signature(secret, blobId, expires);
  if (given.length !== right.length || !timingSafeEqual(given, right)) throw new ProtocolError('url-invalid');
  if (Number(expires) * 1000 <= nowMs) throw new ProtocolError('url-expired');
}
