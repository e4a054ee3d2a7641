// Key derivation (RFC 9605 §4.4.2) and the sender-key ratchet (§5.1), by
// WebCrypto's HKDF, whose deriveBits is extract and expand in one.
import { concatBytes, utf8 } from '@carillon/protocol';
import { type CipherSuite, NONCE_BYTES } from './cipherSuites.ts';

type Bytes = Uint8Array<ArrayBuffer>;

async function hkdf(suite: CipherSuite, baseKey: Uint8Array, info: Bytes, length: number): Promise<Bytes> {
  const key = await crypto.subtle.importKey('raw', new Uint8Array(baseKey), 'HKDF', false, ['deriveBits']);
  const parameters = { name: 'HKDF', hash: suite.hash, salt: new Uint8Array(0), info };
  return new Uint8Array(await crypto.subtle.deriveBits(parameters, key, length * 8));
}

function label(words: string, kid: bigint, suite: CipherSuite): Bytes {
  const tail = new DataView(new ArrayBuffer(10));
  tail.setBigUint64(0, kid);
  tail.setUint16(8, suite.id);
  return concatBytes(utf8(words), new Uint8Array(tail.buffer));
}

export async function deriveKeyAndSalt(
  suite: CipherSuite,
  kid: bigint,
  baseKey: Uint8Array,
): Promise<{ key: Bytes; salt: Bytes }> {
  const [key, salt] = await Promise.all([
    hkdf(suite, baseKey, label('SFrame 1.0 Secret key ', kid, suite), suite.keyBytes),
    hkdf(suite, baseKey, label('SFrame 1.0 Secret salt ', kid, suite), NONCE_BYTES),
  ]);
  return { key, salt };
}

/** The base key of the next ratchet step. The way back is closed. */
export function ratchetKey(suite: CipherSuite, baseKey: Uint8Array): Promise<Bytes> {
  return hkdf(suite, baseKey, utf8('SFrame 1.0 Ratchet'), suite.hashBytes);
}
