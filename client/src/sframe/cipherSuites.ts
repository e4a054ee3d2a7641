// The cipher suites of RFC 9605 §4.5 (its IANA registry, §8.1) with its constants.

interface SuiteConstants {
  readonly id: number;
  readonly hash: 'SHA-256' | 'SHA-512';
  /** Nh: bytes of the hash's output. */
  readonly hashBytes: number;
  /** Nk: bytes of the AEAD key. */
  readonly keyBytes: number;
  /** Nt: bytes of the authentication tag. */
  readonly tagBytes: number;
}

export interface GcmSuite extends SuiteConstants {
  readonly aead: 'gcm';
}

export interface CtrHmacSuite extends SuiteConstants {
  readonly aead: 'ctr-hmac';
  /** Nka: bytes of the AES key, the first part of the AEAD key. */
  readonly cipherKeyBytes: number;
}

export type CipherSuite = GcmSuite | CtrHmacSuite;

/** Nn, the same in all suites. */
export const NONCE_BYTES = 12;

const ctrHmac = (id: number, tagBytes: number): CtrHmacSuite => ({
  aead: 'ctr-hmac',
  id,
  hash: 'SHA-256',
  hashBytes: 32,
  cipherKeyBytes: 16,
  keyBytes: 48,
  tagBytes,
});

export const CIPHER_SUITES = {
  AES_128_CTR_HMAC_SHA256_80: ctrHmac(1, 10),
  AES_128_CTR_HMAC_SHA256_64: ctrHmac(2, 8),
  AES_128_CTR_HMAC_SHA256_32: ctrHmac(3, 4),
  AES_128_GCM_SHA256_128: { aead: 'gcm', id: 4, hash: 'SHA-256', hashBytes: 32, keyBytes: 16, tagBytes: 16 },
  AES_256_GCM_SHA512_128: { aead: 'gcm', id: 5, hash: 'SHA-512', hashBytes: 64, keyBytes: 32, tagBytes: 16 },
} as const satisfies Record<string, CipherSuite>;

/**
 * What rooms use: one WebCrypto call a frame, where the CTR suites take two, and
 * a tag that no forger guesses. It costs 6 bytes a frame over the 80-bit suite.
 */
export const DEFAULT_SUITE: CipherSuite = CIPHER_SUITES.AES_128_GCM_SHA256_128;
