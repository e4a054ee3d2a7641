// One base key made ready: the AEAD with its imported key, and the nonces
// (RFC 9605 §4.4.3: the salt XORed with the counter).
import { type Aead, importAead } from './aead.ts';
import type { CipherSuite } from './cipherSuites.ts';
import { deriveKeyAndSalt } from './keyDerivation.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface FrameCipher {
  readonly kid: bigint;
  readonly aead: Aead;
  nonce(ctr: bigint): Bytes;
}

export async function createFrameCipher(suite: CipherSuite, kid: bigint, baseKey: Uint8Array): Promise<FrameCipher> {
  const { key, salt } = await deriveKeyAndSalt(suite, kid, baseKey);
  const aead = await importAead(suite, key);
  key.fill(0);
  return {
    kid,
    aead,
    nonce(ctr) {
      const nonce = new Uint8Array(salt);
      for (let i = nonce.length - 1, rest = ctr; rest > 0n; i--, rest >>= 8n) nonce[i]! ^= Number(rest & 0xffn);
      return nonce;
    },
  };
}

/** AAD is header and metadata (RFC 9605 §4.4.3). */
export function associatedData(header: Uint8Array, metadata: Uint8Array): Bytes {
  const aad = new Uint8Array(header.length + metadata.length);
  aad.set(header);
  aad.set(metadata, header.length);
  return aad;
}
