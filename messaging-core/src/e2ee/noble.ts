// The primitives in audited JavaScript: runs wherever JavaScript does.
import { gcm } from '@noble/ciphers/aes.js';
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

// The libraries allocate every result on a plain ArrayBuffer; their declarations
// say so less precisely.
const own = (bytes: Uint8Array): Bytes => bytes as Bytes;

/** The most that one getRandomValues call gives (Web Cryptography API §10.1.1). */
const RANDOM_BYTES_PER_CALL = 65_536;

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
  ed25519Verify(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    // Without ZIP 215 the library refuses non-canonical points and small-order keys.
    return ed25519.verify(signature, message, publicKey, { zip215: false });
  },
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
