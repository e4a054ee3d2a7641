// Plaintexts are padded to one of few lengths before they are sealed, so that a
// ciphertext's length says little: 160-byte steps for what is short (text,
// receipts), then steps of an eighth of the power of two below, at most 12.5 %
// more. The end is marked as in ISO/IEC 7816-4: 0x80, then zeros. A wrong end is
// no oracle, since only authentic plaintexts get here.
import { E2eeError } from './errors.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const SMALL_STEP = 160;
const SMALL_MAX = 7 * SMALL_STEP;
const END = 0x80;

/** Bytes of the padded form of a plaintext of so many bytes. */
export function paddedLength(plaintextBytes: number): number {
  const needed = plaintextBytes + 1;
  if (needed <= SMALL_MAX) return Math.ceil(needed / SMALL_STEP) * SMALL_STEP;
  const step = 2 ** (Math.floor(Math.log2(needed - 1)) - 3);
  return Math.ceil(needed / step) * step;
}

export function pad(plaintext: Uint8Array): Bytes {
  const padded = new Uint8Array(paddedLength(plaintext.length));
  padded.set(plaintext);
  padded[plaintext.length] = END;
  return padded;
}

/** @throws E2eeError bad-padding */
export function unpad(padded: Uint8Array): Bytes {
  let end = padded.length - 1;
  while (end >= 0 && padded[end] === 0) end--;
  if (end < 0 || padded[end] !== END || paddedLength(end) !== padded.length) {
    throw new E2eeError('bad-padding', 'the padding is malformed');
  }
  return new Uint8Array(padded.subarray(0, end));
}
