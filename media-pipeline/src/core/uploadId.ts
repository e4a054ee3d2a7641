// The name of an upload says all there is to know about it, so that no record
// beside the file can be lost or torn: blob, length, and a tag that only grants
// of the same account for the same blob lead to.
import { createHmac } from 'node:crypto';
import { type BlobId, blobIdSchema, type UploadClaims } from '@carillon/protocol';

declare const brand: unique symbol;
export type UploadId = string & { readonly [brand]: 'UploadId' };

export interface Announced {
  readonly blobId: BlobId;
  readonly bytes: number;
}

const UPLOAD_ID = /^([A-Za-z0-9_-]{43})\.([1-9]\d{0,14})\.[A-Za-z0-9_-]{22}$/;

/** The same for each grant of one account for one blob: a device may resume with a fresh grant. */
export function uploadIdOf(secret: Uint8Array, claims: Pick<UploadClaims, 'sub' | 'blob' | 'bytes'>): UploadId {
  const tag = createHmac('sha256', secret)
    .update(`carillon upload v1\0${claims.sub}\0${claims.blob}\0${claims.bytes}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');
  return `${claims.blob}.${claims.bytes}.${tag}` as UploadId;
}

export function isUploadId(text: string): text is UploadId {
  return announcedBy(text) !== undefined;
}

export function announcedBy(text: string): Announced | undefined {
  const match = UPLOAD_ID.exec(text);
  const blobId = blobIdSchema.safeParse(match?.[1]);
  return match && blobId.success ? { blobId: blobId.data, bytes: Number(match[2]) } : undefined;
}
