// Keys from outside, checked before they are kept for others to trust.
import { createPublicKey, verify } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';

/** The DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4): the raw key follows. */
const ED25519_SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const FIELD_PRIME = 2n ** 255n - 19n;

/**
 * The u-coordinates for which X25519 gives zero whatever the private key
 * (RFC 7748 §6.1): 0, 1, -1 and the two of order eight, little-endian.
 */
const X25519_LOW_ORDER: ReadonlySet<string> = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
]);

/**
 * Strict Ed25519 (RFC 8032 §5.1.3): a canonical encoding of a point in the
 * prime-order group. Others would let one signature verify for many messages or
 * one identity have several encodings.
 */
export function isStrictEd25519Key(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  try {
    const point = ed25519.Point.fromBytes(key, false);
    return point.isTorsionFree() && !point.isSmallOrder();
  } catch {
    return false;
  }
}

/** A canonical X25519 key (below the field prime, top bit clear) that contributes to the secret. */
export function isStrictX25519Key(key: Uint8Array): boolean {
  if (key.length !== 32) return false;
  const littleEndian = Buffer.from(key).toString('hex');
  const u = BigInt(`0x${Buffer.from(key).reverse().toString('hex')}`);
  return u < FIELD_PRIME && !X25519_LOW_ORDER.has(littleEndian);
}

/**
 * An ML-KEM-1024 encapsulation key (FIPS 203 §7.2): its length, and every coefficient below the modulus. Four
 * polynomials of 256 coefficients of twelve bits, then a seed of 32 bytes.
 */
export function isMlKem1024Key(key: Uint8Array): boolean {
  if (key.length !== 1568) return false;
  for (let at = 0; at < 1536; at += 3) {
    const [low, middle, high] = [key[at]!, key[at + 1]!, key[at + 2]!];
    if ((low | ((middle & 0x0f) << 8)) >= 3329 || ((middle >> 4) | (high << 4)) >= 3329) return false;
  }
  return true;
}

/** `identityKey` must have passed `isStrictEd25519Key`. */
export function verifyEd25519(identityKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64) return false;
  const key = createPublicKey({ key: Buffer.concat([ED25519_SPKI, identityKey]), format: 'der', type: 'spki' });
  return verify(null, message, key, signature);
}
