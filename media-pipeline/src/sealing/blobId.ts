// A blob's id is the SHA-256 of its ciphertext, base64url.
import { type BlobId, bytesToBase64url } from '@carillon/protocol';
import { sha256 } from '@noble/hashes/sha2.js';

/** Of a blob in memory. */
export async function blobIdOf(blob: Uint8Array<ArrayBuffer>): Promise<BlobId> {
  return bytesToBase64url(new Uint8Array(await crypto.subtle.digest('SHA-256', blob))) as BlobId;
}

export interface BlobHasher {
  update(part: Uint8Array): void;
  /** Once, after the last part. */
  blobId(): BlobId;
}

/** Of a blob that comes in parts. WebCrypto hashes whole inputs only, so this is slower than `blobIdOf`. */
export function createBlobHasher(): BlobHasher {
  const hash = sha256.create();
  return {
    update: (part) => void hash.update(part),
    blobId: () => bytesToBase64url(hash.digest()) as BlobId,
  };
}
