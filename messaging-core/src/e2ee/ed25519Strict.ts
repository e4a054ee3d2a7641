// OpenSSL decodes Ed25519 keys leniently (RFC 8032 §5.1.3 is stricter), and its
// versions differ about small-order ones, under which one signature fits many
// messages. This tells them apart by their encoding alone, with no curve arithmetic: the canonical
// encodings of the eight small-order points are a fixed list, and an encoding is
// canonical when y < p and a zero x has no sign.

const P = 2n ** 255n - 19n;
/** The order of the base point (RFC 8032 §5.1). */
const L = 2n ** 252n + 27742317777372353535851937790883648493n;

// The y of the points of order 8 (the two of them are each other's negative);
// orders 1, 2 and 4 have y of 1, -1 and 0.
const Y_ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, Y_ORDER_8, P - Y_ORDER_8]);

function fromLittleEndian(bytes: Uint8Array): bigint {
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = (i: number) => words.getBigUint64(8 * i, true);
  return (word(3) << 192n) | (word(2) << 128n) | (word(1) << 64n) | word(0);
}

/** Whether it has 32 bytes, y < p, and is not of small order (which includes every x of zero). */
export function isStrictEd25519Key(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  // Without the sign of x, the top bit.
  const y = BigInt.asUintN(255, fromLittleEndian(key));
  return y < P && !SMALL_ORDER_Y.has(y);
}

/**
 * Whether it has 64 bytes, its R is no point of small order nor badly encoded, and
 * S < L: a signature has one form, and OpenSSL's versions differ about such an R,
 * which nobody makes who signs as RFC 8032 has it.
 */
export function isStrictEd25519Signature(signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isStrictEd25519Key(signature.subarray(0, 32))) return false;
  return fromLittleEndian(signature.subarray(32)) < L;
}
