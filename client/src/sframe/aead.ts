// The two kinds of AEAD of RFC 9605: AES-GCM, and AES-CTR with a truncated HMAC
// (§4.5.1). Keys are imported once; each frame is one or two WebCrypto calls.
import { type CipherSuite, type CtrHmacSuite, type GcmSuite, NONCE_BYTES } from './cipherSuites.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export interface Aead {
  readonly tagBytes: number;
  encrypt(nonce: Bytes, aad: Bytes, plaintext: Bytes): Promise<Bytes>;
  /** @throws Error when it does not open */
  decrypt(nonce: Bytes, aad: Bytes, ciphertext: Bytes): Promise<Bytes>;
}

export function importAead(suite: CipherSuite, key: Bytes): Promise<Aead> {
  return suite.aead === 'gcm' ? gcm(suite, key) : ctrHmac(suite, key);
}

async function gcm(suite: GcmSuite, raw: Bytes): Promise<Aead> {
  const key = await crypto.subtle.importKey('raw', raw, 'AES-GCM', false, ['encrypt', 'decrypt']);
  const parameters = (iv: Bytes, additionalData: Bytes) => ({
    name: 'AES-GCM',
    iv,
    additionalData,
    tagLength: suite.tagBytes * 8,
  });
  return {
    tagBytes: suite.tagBytes,
    encrypt: async (nonce, aad, plaintext) =>
      new Uint8Array(await crypto.subtle.encrypt(parameters(nonce, aad), key, plaintext)),
    decrypt: async (nonce, aad, ciphertext) =>
      new Uint8Array(await crypto.subtle.decrypt(parameters(nonce, aad), key, ciphertext)),
  };
}

async function ctrHmac(suite: CtrHmacSuite, raw: Bytes): Promise<Aead> {
  const { tagBytes, cipherKeyBytes, hash } = suite;
  const [cipherKey, authKey] = await Promise.all([
    crypto.subtle.importKey('raw', raw.slice(0, cipherKeyBytes), 'AES-CTR', false, ['encrypt', 'decrypt']),
    crypto.subtle.importKey('raw', raw.slice(cipherKeyBytes), { name: 'HMAC', hash }, false, ['sign']),
  ]);

  // initial_counter = nonce + four zero bytes, which count the blocks.
  const parameters = (nonce: Bytes) => {
    const counter = new Uint8Array(16);
    counter.set(nonce);
    return { name: 'AES-CTR', counter, length: 32 };
  };

  const computeTag = async (nonce: Bytes, aad: Bytes, ciphertext: Bytes): Promise<Bytes> => {
    const data = new Uint8Array(24 + NONCE_BYTES + aad.length + ciphertext.length);
    const view = new DataView(data.buffer);
    view.setBigUint64(0, BigInt(aad.length));
    view.setBigUint64(8, BigInt(ciphertext.length));
    view.setBigUint64(16, BigInt(tagBytes));
    data.set(nonce, 24);
    data.set(aad, 24 + NONCE_BYTES);
    data.set(ciphertext, 24 + NONCE_BYTES + aad.length);
    return new Uint8Array(await crypto.subtle.sign('HMAC', authKey, data)).subarray(0, tagBytes);
  };

  return {
    tagBytes,
    async encrypt(nonce, aad, plaintext) {
      const ciphertext = new Uint8Array(await crypto.subtle.encrypt(parameters(nonce), cipherKey, plaintext));
      const tag = await computeTag(nonce, aad, ciphertext);
      const sealed = new Uint8Array(ciphertext.length + tagBytes);
      sealed.set(ciphertext);
      sealed.set(tag, ciphertext.length);
      return sealed;
    },
    async decrypt(nonce, aad, sealed) {
      const ciphertext = sealed.subarray(0, sealed.length - tagBytes);
      const expected = await computeTag(nonce, aad, ciphertext);
      if (!equalInConstantTime(expected, sealed.subarray(sealed.length - tagBytes))) {
        throw new Error('the tag does not match');
      }
      return new Uint8Array(await crypto.subtle.decrypt(parameters(nonce), cipherKey, ciphertext));
    },
  };
}

function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ (b[i] ?? 0);
  return difference === 0;
}
