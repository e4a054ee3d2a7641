// Kyber-1024 as it was submitted to the third round (2021), on FIPS 203's
// arithmetic, which is the same: round 3 hashes the random message before use, and
// derives the shared secret once more from the ciphertext. That implicit rejection
// differs as well shows only for a ciphertext that was tampered with, and then both
// give a secret that nobody else has.
import { concatBytes } from '@carillon/protocol';
import { sha3_256, shake256 } from '@noble/hashes/sha3.js';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';

type Bytes = Uint8Array<ArrayBuffer>;

const SECRET_BYTES = 32;

function roundThreeSecret(sharedSecret: Uint8Array, ciphertext: Uint8Array): Bytes {
  const input = concatBytes(sharedSecret, sha3_256(ciphertext));
  return new Uint8Array(shake256(input, { dkLen: SECRET_BYTES }));
}

export function kyberEncapsulate(
  publicKey: Uint8Array,
  random32: Uint8Array,
): { ciphertext: Bytes; sharedSecret: Bytes } {
  const { cipherText, sharedSecret } = ml_kem1024.encapsulate(publicKey, sha3_256(random32));
  return { ciphertext: new Uint8Array(cipherText), sharedSecret: roundThreeSecret(sharedSecret, cipherText) };
}

/** @param seed d || z, from which both kinds of key follow */
export function kyberDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Bytes {
  return roundThreeSecret(ml_kem1024.decapsulate(ciphertext, ml_kem1024.keygen(seed).secretKey), ciphertext);
}
