// The primitives in audited JavaScript: runs wherever JavaScript does.
import { concatBytes } from '@carillon/protocol';
import { gcm } from '@noble/ciphers/aes.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { bytesToNumberLE } from '@noble/curves/utils.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { isStrictEd25519Key, isStrictEd25519Signature } from './ed25519Strict.ts';
import { equalBytes } from './equalBytes.ts';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

// The libraries allocate every result on a plain ArrayBuffer; their declarations
// say so less precisely.
const own = (bytes: Uint8Array): Bytes => bytes as Bytes;

/** The most that one getRandomValues call gives (Web Cryptography API §10.1.1). */
const RANDOM_BYTES_PER_CALL = 65_536;

// The library's own verification multiplies by the cofactor, as RFC 8032 §5.1.7
// prefers; OpenSSL's does not, as the RFC allows. A signer that means harm can make
// signatures on which the two differ, and one device would take what another
// refuses, so this is OpenSSL's, on the library's arithmetic: R = [S]B - [k]A, by bytes.
function ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isStrictEd25519Key(publicKey) || !isStrictEd25519Signature(signature)) return false;
  const [r, s] = [signature.subarray(0, 32), signature.subarray(32)];
  try {
    const { Point } = ed25519;
    const a = Point.fromBytes(publicKey);
    const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(r, publicKey, message))));
    const commitment = Point.BASE.multiplyUnsafe(bytesToNumberLE(s)).subtract(a.multiplyUnsafe(k));
    return equalBytes(commitment.toBytes(), r);
  } catch {
    return false;
  }
}

export const nobleProvider: CryptoProvider = {
  randomBytes(length) {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += RANDOM_BYTES_PER_CALL) {
      globalThis.crypto.getRandomValues(bytes.subarray(at, at + RANDOM_BYTES_PER_CALL));
    }
    return bytes;
  },
  x25519KeyPair(privateKey) {
    const copy = new Uint8Array(privateKey);
    return { privateKey: copy, publicKey: own(x25519.getPublicKey(copy)) };
  },
  x25519: (privateKey, publicKey) => own(x25519.getSharedSecret(privateKey, publicKey)),
  ed25519PublicKey: (seed) => own(ed25519.getPublicKey(seed)),
  ed25519Sign: (seed, message) => own(ed25519.sign(message, seed)),
  ed25519Verify,
  identityToX25519Public(publicKey) {
    if (ed25519.Point.fromBytes(publicKey).isSmallOrder()) throw new Error('small-order identity');
    return own(ed25519.utils.toMontgomery(publicKey));
  },
  identityToX25519Private: (seed) => own(ed25519.utils.toMontgomerySecret(seed)),
  hkdfSha256: (ikm, salt, info, length) => own(hkdf(sha256, ikm, salt, info, length)),
  hmacSha256: (key, data) => own(hmac(sha256, key, data)),
  sha256: (data) => own(sha256(data)),
  kemKeyPair(seed) {
    const { publicKey, secretKey } = ml_kem1024.keygen(seed);
    secretKey.fill(0);
    return { publicKey: own(publicKey), privateKey: new Uint8Array(seed) };
  },
  kemEncapsulate(publicKey) {
    const { cipherText, sharedSecret } = ml_kem1024.encapsulate(publicKey);
    return { ciphertext: own(cipherText), sharedSecret: own(sharedSecret) };
  },
  kemDecapsulate(seed, ciphertext) {
    const { secretKey } = ml_kem1024.keygen(seed);
    try {
      return own(ml_kem1024.decapsulate(ciphertext, secretKey));
    } finally {
      secretKey.fill(0);
    }
  },
  aeadSeal: (key, nonce, plaintext, associatedData) => own(gcm(key, nonce, associatedData).encrypt(plaintext)),
  aeadOpen: (key, nonce, ciphertext, associatedData) => own(gcm(key, nonce, associatedData).decrypt(ciphertext)),
};
