// The primitives that the session protocol stands on. `nobleProvider` runs
// anywhere; `native.ts` has the same on node:crypto, 20 to 30 times faster. All
// calls are synchronous: a ratchet step then is one pure function with nothing
// between read and write.

export interface KeyPair {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  readonly privateKey: Uint8Array<ArrayBuffer>;
}

export interface KemEncapsulation {
  readonly ciphertext: Uint8Array<ArrayBuffer>;
  readonly sharedSecret: Uint8Array<ArrayBuffer>;
}

export interface CryptoProvider {
  /** Cryptographically secure. */
  randomBytes(length: number): Uint8Array<ArrayBuffer>;
  /** RFC 7748. Keys of 32 bytes. */
  x25519KeyPair(privateKey: Uint8Array): KeyPair;
  /** @throws Error on a low-order public key (an all-zero result, RFC 7748 §6.1) */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array<ArrayBuffer>;
  /** RFC 8032; `seed` of 32 bytes is the private key. */
  ed25519PublicKey(seed: Uint8Array): Uint8Array<ArrayBuffer>;
  ed25519Sign(seed: Uint8Array, message: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Strict: non-canonical and small-order keys are refused. */
  ed25519Verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** The X25519 forms of an Ed25519 identity (RFC 7748 §4.1, the birational map). */
  identityToX25519Public(publicKey: Uint8Array): Uint8Array<ArrayBuffer>;
  identityToX25519Private(seed: Uint8Array): Uint8Array<ArrayBuffer>;
  /** RFC 5869 with SHA-256. */
  hkdfSha256(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array<ArrayBuffer>;
  hmacSha256(key: Uint8Array, data: Uint8Array): Uint8Array<ArrayBuffer>;
  sha256(data: Uint8Array): Uint8Array<ArrayBuffer>;
  /**
   * ML-KEM-1024 (FIPS 203). The private key is the 64-byte seed d || z, from which
   * the 3,168 bytes of the decapsulation key follow.
   */
  kemKeyPair(seed: Uint8Array): KeyPair;
  /** @throws Error on a malformed encapsulation key (FIPS 203 §7.2) */
  kemEncapsulate(publicKey: Uint8Array): KemEncapsulation;
  /**
   * A ciphertext of the right length always gives 32 bytes: another secret when it was not made for this key.
   * @throws Error on a malformed ciphertext
   */
  kemDecapsulate(seed: Uint8Array, ciphertext: Uint8Array): Uint8Array<ArrayBuffer>;
  /** AES-256-GCM, 12-byte nonce, the 16-byte tag appended. */
  aeadSeal(
    key: Uint8Array,
    nonce: Uint8Array,
    plaintext: Uint8Array,
    associatedData: Uint8Array,
  ): Uint8Array<ArrayBuffer>;
  /** @throws Error when it does not open */
  aeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    ciphertext: Uint8Array,
    associatedData: Uint8Array,
  ): Uint8Array<ArrayBuffer>;
}
