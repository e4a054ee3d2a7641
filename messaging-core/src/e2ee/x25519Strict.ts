// RFC 7748 §5 takes any 32 bytes for a public key: the top bit is ignored and
// values from p on are reduced, so that one key has several encodings. No honest
// peer sends another than the canonical one, and it keeps "the same key" and "the
// same bytes" the same thing.
import type { CryptoProvider } from './provider.ts';

export function isCanonicalX25519Key(key: Uint8Array): boolean {
  if (key.length !== 32 || key[31]! > 0x7f) return false;
  const isNearP = key[31] === 0x7f && key.subarray(1, 31).every((byte) => byte === 0xff);
  return !isNearP || key[0]! < 0xed;
}

/** X25519 with a key from outside. @throws Error on one of low order or not in canonical form */
export function agree(
  provider: CryptoProvider,
  privateKey: Uint8Array,
  publicKey: Uint8Array,
): Uint8Array<ArrayBuffer> {
  if (!isCanonicalX25519Key(publicKey)) throw new Error('a public key is not in canonical form');
  return provider.x25519(privateKey, publicKey);
}
