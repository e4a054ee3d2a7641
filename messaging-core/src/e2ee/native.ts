// The same primitives on node:crypto (OpenSSL). What OpenSSL has no name for,
// the birational map of identities, is noble's: it runs once per session.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  hash,
  hkdfSync,
  type KeyObject,
  randomFillSync,
  sign,
  verify,
} from 'node:crypto';
import { isStrictEd25519Key, isStrictEd25519Signature } from './ed25519Strict.ts';
import { nobleProvider } from './noble.ts';
import type { CryptoProvider } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

// PKCS #8 and SubjectPublicKeyInfo of these keys are a fixed prefix and the raw
// bytes: RFC 8410 for the curves, RFC 9935 §4 and §6 for ML-KEM, its private key by seed.
const hex = (digits: string) => Buffer.from(digits, 'hex');
const X25519 = {
  private: { prefix: hex('302e020100300506032b656e04220420'), bytes: 32 },
  public: { prefix: hex('302a300506032b656e032100'), bytes: 32 },
};
const ED25519 = {
  private: { prefix: hex('302e020100300506032b657004220420'), bytes: 32 },
  public: { prefix: hex('302a300506032b6570032100'), bytes: 32 },
};
const ML_KEM_1024 = {
  private: { prefix: hex('3054020100300b060960864801650304040304428040'), bytes: 64 },
  public: { prefix: hex('30820632300b06096086480165030404030382062100'), bytes: 1_568 },
};

function privateKeyObject({ private: { prefix, bytes } }: typeof X25519, raw: Uint8Array): KeyObject {
  if (raw.length !== bytes) throw new Error(`a private key has ${bytes} bytes`);
  const der = Buffer.concat([prefix, raw]);
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  der.fill(0);
  return key;
}

function publicKeyObject({ public: { prefix, bytes } }: typeof X25519, raw: Uint8Array): KeyObject {
  if (raw.length !== bytes) throw new Error(`a public key has ${bytes} bytes`);
  return createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' });
}

function rawPublicKey(algorithm: typeof X25519, raw: Uint8Array): Bytes {
  const spki = createPublicKey(privateKeyObject(algorithm, raw)).export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(algorithm.public.prefix.length));
}

const TAG_BYTES = 16;
const SHA256_BLOCK_BYTES = 64;

function sha256(data: Uint8Array): Bytes {
  return new Uint8Array(hash('sha256', data, 'buffer'));
}

// RFC 2104 on two one-shot hashes: a chain step is two of these, and OpenSSL's
// own HMAC spends four times as long on setting itself up.
function hmacSha256(key: Uint8Array, data: Uint8Array): Bytes {
  const block = key.length > SHA256_BLOCK_BYTES ? sha256(key) : key;
  const inner = new Uint8Array(SHA256_BLOCK_BYTES + data.length).fill(0x36, 0, SHA256_BLOCK_BYTES);
  const outer = new Uint8Array(SHA256_BLOCK_BYTES + 32).fill(0x5c, 0, SHA256_BLOCK_BYTES);
  for (let i = 0; i < block.length; i++) {
    inner[i]! ^= block[i]!;
    outer[i]! ^= block[i]!;
  }
  inner.set(data, SHA256_BLOCK_BYTES);
  outer.set(hash('sha256', inner, 'buffer'), SHA256_BLOCK_BYTES);
  return sha256(outer);
}

export const nativeProvider: CryptoProvider = {
  randomBytes: (length) => randomFillSync(new Uint8Array(length)),
  x25519KeyPair(privateKey) {
    const copy = new Uint8Array(privateKey);
    return { privateKey: copy, publicKey: rawPublicKey(X25519, copy) };
  },
  x25519(privateKey, publicKey) {
    // OpenSSL fails on an all-zero result (RFC 7748 §6.1).
    const shared = diffieHellman({
      privateKey: privateKeyObject(X25519, privateKey),
      publicKey: publicKeyObject(X25519, publicKey),
    });
    return new Uint8Array(shared);
  },
  ed25519PublicKey: (seed) => rawPublicKey(ED25519, seed),
  ed25519Sign: (seed, message) => new Uint8Array(sign(null, message, privateKeyObject(ED25519, seed))),
  ed25519Verify(publicKey, message, signature) {
    if (!isStrictEd25519Key(publicKey) || !isStrictEd25519Signature(signature)) return false;
    try {
      return verify(null, message, publicKeyObject(ED25519, publicKey), signature);
    } catch {
      return false;
    }
  },
  identityToX25519Public: nobleProvider.identityToX25519Public,
  identityToX25519Private(seed) {
    if (seed.length !== 32) throw new Error('an identity seed has 32 bytes');
    // RFC 8032 §5.1.5: the scalar is the clamped first half of SHA-512(seed).
    const scalar = new Uint8Array(createHash('sha512').update(seed).digest().subarray(0, 32));
    scalar[0]! &= 248;
    scalar[31]! &= 127;
    scalar[31]! |= 64;
    return scalar;
  },
  hkdfSha256: (ikm, salt, info, length) => new Uint8Array(hkdfSync('sha256', ikm, salt, info, length)),
  hmacSha256,
  sha256,
  kemKeyPair(seed) {
    const copy = new Uint8Array(seed);
    return { privateKey: copy, publicKey: rawPublicKey(ML_KEM_1024, copy) };
  },
  kemEncapsulate(publicKey) {
    const { ciphertext, sharedKey } = encapsulate(publicKeyObject(ML_KEM_1024, publicKey));
    return { ciphertext: new Uint8Array(ciphertext), sharedSecret: new Uint8Array(sharedKey) };
  },
  kemDecapsulate: (seed, ciphertext) => new Uint8Array(decapsulate(privateKeyObject(ML_KEM_1024, seed), ciphertext)),
  aeadSeal(key, nonce, plaintext, associatedData) {
    const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(associatedData);
    const sealed = new Uint8Array(plaintext.length + TAG_BYTES);
    sealed.set(cipher.update(plaintext));
    cipher.final();
    sealed.set(cipher.getAuthTag(), plaintext.length);
    return sealed;
  },
  aeadOpen(key, nonce, ciphertext, associatedData) {
    if (ciphertext.length < TAG_BYTES) throw new Error('the ciphertext is shorter than its tag');
    const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(associatedData);
    decipher.setAuthTag(ciphertext.subarray(ciphertext.length - TAG_BYTES));
    const plaintext = new Uint8Array(decipher.update(ciphertext.subarray(0, ciphertext.length - TAG_BYTES)));
    decipher.final();
    return plaintext;
  },
};
