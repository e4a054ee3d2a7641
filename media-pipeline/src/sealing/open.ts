import { type ChunkCipher, chunkCipher } from './chunkCipher.ts';
import { BlobTamperedError } from './errors.ts';
import { type BlobLayout, type BlobSecret, blobLayout, TAG_BYTES } from './layout.ts';
import { pipelined } from './pipeline.ts';
import { type ByteSource, rechunk } from './rechunk.ts';

type Bytes = Uint8Array<ArrayBuffer>;

// The message that named these lengths is authentic but its sender may lie.
async function prepare(secret: BlobSecret): Promise<{ layout: BlobLayout; cipher: ChunkCipher }> {
  try {
    const layout = blobLayout(secret.sizeBytes, secret.chunkBytes);
    return { layout, cipher: await chunkCipher(secret.key, layout) };
  } catch (cause) {
    throw new BlobTamperedError('the message does not describe a blob', cause);
  }
}

/** Checks that there is exactly as much as there should be, piece by piece. */
async function* exactly(source: ByteSource, totalBytes: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const part of source) {
    seen += part.length;
    if (seen > totalBytes) throw new BlobTamperedError('the blob is longer than it was');
    yield part;
  }
  if (seen < totalBytes) throw new BlobTamperedError('the blob is shorter than it was');
}

/**
 * The plaintext, chunk by chunk, each authentic when it is given out; memory
 * stays at a few chunks. That the blob is whole is certain only at the end.
 * @throws BlobTamperedError; whatever the source throws
 */
export async function* openChunks(source: ByteSource, secret: BlobSecret): AsyncGenerator<Bytes> {
  const { layout, cipher } = await prepare(secret);
  const sealed = rechunk(exactly(source, layout.blobBytes), layout.chunkBytes + TAG_BYTES);
  let left = layout.sizeBytes;
  for await (const chunk of pipelined(sealed, (part, index) => cipher.open(index, part))) {
    if (left > 0) yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left = Math.max(0, left - chunk.length);
  }
}

/** @throws BlobTamperedError. `onProgress` gets the bytes of plaintext opened so far. */
export async function openBlob(
  blob: Uint8Array,
  secret: BlobSecret,
  onProgress?: (doneBytes: number) => void,
): Promise<Bytes> {
  const { layout } = await prepare(secret);
  // Before the plaintext's memory is taken: the blob must be there for it.
  if (blob.length !== layout.blobBytes) throw new BlobTamperedError('the blob has not the length it had');
  const plaintext = new Uint8Array(layout.sizeBytes);
  let doneBytes = 0;
  for await (const chunk of openChunks([blob], secret)) {
    plaintext.set(chunk, doneBytes);
    doneBytes += chunk.length;
    onProgress?.(doneBytes);
  }
  return plaintext;
}

/** Gives the bytes of the blob from `from` (inclusive) to `to` (exclusive). */
export type FetchRange = (from: number, to: number) => Promise<Uint8Array>;

/**
 * The plaintext from `from` (inclusive) to `to` (exclusive, at most the size),
 * verified by itself: only the chunks it touches are fetched, in one request.
 * @throws RangeError, BlobTamperedError; whatever `fetchRange` throws
 */
export async function openRange(fetchRange: FetchRange, secret: BlobSecret, from: number, to: number): Promise<Bytes> {
  const { layout, cipher } = await prepare(secret);
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from < 0 || from > to || to > layout.sizeBytes) {
    throw new RangeError('the range is not within the plaintext');
  }
  if (from === to) return new Uint8Array(0);
  const { chunkBytes } = layout;
  const sealedBytes = chunkBytes + TAG_BYTES;
  const first = Math.floor(from / chunkBytes);
  const last = Math.floor((to - 1) / chunkBytes);
  const start = first * sealedBytes;
  const end = Math.min((last + 1) * sealedBytes, layout.blobBytes);
  const sealed = rechunk(exactly([await fetchRange(start, end)], end - start), sealedBytes);

  const plaintext = new Uint8Array(to - from);
  let at = first * chunkBytes;
  for await (const chunk of pipelined(sealed, (part, index) => cipher.open(first + index, part))) {
    const wanted = chunk.subarray(Math.max(0, from - at), Math.min(chunk.length, to - at));
    plaintext.set(wanted, Math.max(0, at - from));
    at += chunk.length;
  }
  return plaintext;
}
