// XEdDSA ('The XEdDSA and VXEdDSA Signature Schemes', Signal, revision 1, 2016,
// §2.3, §2.5 and §4) on curve25519: Ed25519 signatures by an X25519 key pair.
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { concatBytes } from '@carillon/protocol';
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';

type Bytes = Uint8Array<ArrayBuffer>;

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const P = Point.Fp.ORDER;
/** hash_1 begins with 2^256 - 1 - 1, which no encoded point does. */
const HASH_1 = new Uint8Array(32).fill(0xff).with(0, 0xfe);

function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}

function toLittleEndian(value: bigint): Bytes {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function hashToScalar(...parts: readonly Uint8Array[]): bigint {
  return fromLittleEndian(sha512(concatBytes(...parts))) % ORDER;
}

/** @param privateKey X25519, clamped here as RFC 7748 §5 does */
export function xeddsaSign(privateKey: Uint8Array, message: Uint8Array, random64: Uint8Array): Bytes {
  const clamped = new Uint8Array(privateKey);
  clamped[0]! &= 248;
  clamped[31]! = (clamped[31]! & 127) | 64;
  const k = fromLittleEndian(clamped) % ORDER;
  // calculate_key_pair: the public key with sign bit zero, and the scalar of that one.
  const e = Point.BASE.multiply(k).toBytes();
  const a = e[31]! < 0x80 ? k : ORDER - k;
  const publicKey = new Uint8Array(e);
  publicKey[31]! &= 0x7f;
  const r = hashToScalar(HASH_1, toLittleEndian(a), message, random64);
  const commitment = Point.BASE.multiply(r).toBytes();
  const h = hashToScalar(commitment, publicKey, message);
  return concatBytes(commitment, toLittleEndian((r + h * a) % ORDER));
}

/**
 * @param publicKey X25519
 * The specification fixes the sign bit of the Edwards form to zero. Older signers
 * leave it as it is and put it into the top bit of s, which is always zero otherwise.
 */
export function xeddsaVerify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const u = fromLittleEndian(publicKey);
  if (u >= P) return false;
  // u_to_y: y = (u - 1) / (u + 1).
  const y = Point.Fp.mul(Point.Fp.sub(u, 1n), Point.Fp.inv(Point.Fp.add(u, 1n)));
  const edwards = toLittleEndian(y);
  edwards[31]! |= signature[63]! & 0x80;
  const plain = new Uint8Array(signature);
  plain[63]! &= 0x7f;
  return nativeProvider.ed25519Verify(edwards, message, plain);
}
