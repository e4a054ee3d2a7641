// OpenSSL decodes Ed25519 keys leniently (RFC 8032 §5.1.3 is stricter) and takes
// small-order ones, under which one signature fits many messages. This tells
// them apart by their encoding alone, with no curve arithmetic: the canonical
// encodings of the eight small-order points are a fixed list, and an encoding is
// canonical when y < p and a zero x has no sign.

const P = 2n ** 255n - 19n;

// The y of the points of order 8 (the two of them are each other's negative);
// orders 1, 2 and 4 have y of 1, -1 and 0.
const Y_ORDER_8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;
const SMALL_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P - 1n, Y_ORDER_8, P - Y_ORDER_8]);

function decodeY(key: Uint8Array): bigint {
  let y = 0n;
  for (let i = 31; i >= 0; i--) y = (y << 8n) | BigInt(i === 31 ? key[i]! & 0x7f : key[i]!);
  return y;
}

/** Whether it has 32 bytes, y < p, and is not of small order (which includes every x of zero). */
export function isStrictEd25519Key(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  const y = decodeY(key);
  return y < P && !SMALL_ORDER_Y.has(y);
}
