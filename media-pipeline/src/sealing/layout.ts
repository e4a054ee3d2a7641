// Where everything is in a sealed blob. The plaintext, padded with zeros, is cut
// into chunks; each is sealed to itself plus a tag, so that plaintext and
// ciphertext positions follow from each other.
import { LIMITS } from '@carillon/protocol';

/** The tag of AES-GCM. */
export const TAG_BYTES = 16;

/** Smallest padded length: what is shorter, an icon or a tap on the microphone, all looks alike. */
export const PADDED_BYTES_MIN = 4_096;

/**
 * Chunk sizes a sender may choose. Larger: a range costs more to open alone;
 * smaller: more tags and more calls.
 */
export const CHUNK_BYTES_MIN = 1_024;
export const CHUNK_BYTES_MAX = 1_024 * 1_024;

/** Opens a blob: travels in the message, end-to-end encrypted. */
export interface BlobSecret {
  /** 32 random bytes, for this blob only. */
  readonly key: Uint8Array;
  /** Bytes of the plaintext before padding. */
  readonly sizeBytes: number;
  readonly chunkBytes: number;
}

export interface BlobLayout {
  readonly sizeBytes: number;
  readonly chunkBytes: number;
  readonly paddedBytes: number;
  readonly chunkCount: number;
  /** Bytes of the ciphertext. */
  readonly blobBytes: number;
}

/**
 * PADMÉ: the length is rounded up so that its binary form ends in zeros beyond
 * the first log2(log2(length)) bits, at most 12 % more, and leaks
 * O(log log length) bits (Nikitin, Barman, Lueks, Underwood, Hubaux, Ford,
 * 'Reducing Metadata Leakage from Encrypted Files and Communication with PURBs',
 * PoPETs 2019, §4).
 */
export function paddedLength(sizeBytes: number): number {
  if (sizeBytes <= PADDED_BYTES_MIN) return PADDED_BYTES_MIN;
  const exponent = Math.floor(Math.log2(sizeBytes));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** (exponent - kept);
  return Math.ceil(sizeBytes / step) * step;
}

/** @throws RangeError on a size or chunk size out of bounds, or more chunks than the counter has room for */
export function blobLayout(sizeBytes: number, chunkBytes: number = LIMITS.chunkBytes): BlobLayout {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0 || sizeBytes > LIMITS.blobBytesMax) {
    throw new RangeError('the size of a blob is out of bounds');
  }
  if (!Number.isSafeInteger(chunkBytes) || chunkBytes < CHUNK_BYTES_MIN || chunkBytes > CHUNK_BYTES_MAX) {
    throw new RangeError('the chunk size of a blob is out of bounds');
  }
  const paddedBytes = paddedLength(sizeBytes);
  const chunkCount = Math.ceil(paddedBytes / chunkBytes);
  return { sizeBytes, chunkBytes, paddedBytes, chunkCount, blobBytes: paddedBytes + chunkCount * TAG_BYTES };
}

/** Bytes of the ciphertext of a plaintext of so many bytes. */
export function sealedLength(sizeBytes: number, chunkBytes: number = LIMITS.chunkBytes): number {
  return blobLayout(sizeBytes, chunkBytes).blobBytes;
}
