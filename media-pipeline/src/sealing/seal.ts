import type { BlobId } from '@carillon/protocol';
import { blobIdOf } from './blobId.ts';
import { chunkCipher } from './chunkCipher.ts';
import { type BlobSecret, blobLayout } from './layout.ts';
import { pipelined } from './pipeline.ts';
import { type ByteSource, padded, rechunk } from './rechunk.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface SealedBlob {
  readonly key: Bytes;
  readonly blob: Bytes;
  readonly blobId: BlobId;
  readonly sizeBytes: number;
  readonly blobBytes: number;
  readonly chunkBytes: number;
}

/** A key for one blob. It must never seal a second one. */
export function createBlobKey(): Bytes {
  return crypto.getRandomValues(new Uint8Array(32));
}

/**
 * The ciphertext of a source of known length, chunk by chunk; memory stays at a
 * few chunks.
 * @throws RangeError when the source is shorter or longer than `sizeBytes`
 */
export async function* sealChunks(source: ByteSource, secret: BlobSecret): AsyncGenerator<Bytes> {
  const layout = blobLayout(secret.sizeBytes, secret.chunkBytes);
  const cipher = await chunkCipher(secret.key, layout);
  const chunks = rechunk(padded(source, layout.sizeBytes, layout.paddedBytes), layout.chunkBytes);
  yield* pipelined(chunks, (chunk, index) => cipher.seal(index, chunk));
}

/** Seals under a fresh key. `onProgress` gets the bytes of ciphertext made so far. */
export async function sealBlob(plaintext: Uint8Array, onProgress?: (doneBytes: number) => void): Promise<SealedBlob> {
  const { sizeBytes, chunkBytes, blobBytes } = blobLayout(plaintext.length);
  const key = createBlobKey();
  const blob = new Uint8Array(blobBytes);
  let doneBytes = 0;
  for await (const sealed of sealChunks([plaintext], { key, sizeBytes, chunkBytes })) {
    blob.set(sealed, doneBytes);
    doneBytes += sealed.length;
    onProgress?.(doneBytes);
  }
  return { key, blob, blobId: await blobIdOf(blob), sizeBytes, blobBytes, chunkBytes };
}
