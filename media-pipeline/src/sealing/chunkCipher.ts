// STREAM (Hoang, Reyhanitabar, Rogaway, Vizár, 'Online Authenticated-Encryption
// and its Nonce-Reuse Misuse-Resistance', CRYPTO 2015, §7): each chunk is sealed
// by AES-256-GCM under the nonce prefix (7) | index (4, big-endian) | last (1).
// The index refuses reordering, the last flag truncation and extension.
// The key is used for one blob only. Its true length and chunk size enter the
// derivation, so that neither can be changed unnoticed.
import { concatBytes, utf8 } from '@carillon/protocol';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { BlobTamperedError } from './errors.ts';
import { type BlobLayout, TAG_BYTES } from './layout.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const INFO = utf8('Carillon blob v1');
const KEY_BYTES = 32;
const PREFIX_BYTES = 7;

export interface ChunkCipher {
  seal(index: number, plaintext: Bytes): Promise<Bytes>;
  /** @throws BlobTamperedError */
  open(index: number, sealed: Bytes): Promise<Bytes>;
}

export async function chunkCipher(key: Uint8Array, layout: BlobLayout): Promise<ChunkCipher> {
  if (key.length !== KEY_BYTES) throw new RangeError('a blob key has 32 bytes');
  const lengths = new DataView(new ArrayBuffer(12));
  lengths.setBigUint64(0, BigInt(layout.sizeBytes));
  lengths.setUint32(8, layout.chunkBytes);
  const info = concatBytes(INFO, new Uint8Array(lengths.buffer));
  const derived = hkdf(sha256, key, undefined, info, KEY_BYTES + PREFIX_BYTES);
  const prefix = derived.subarray(KEY_BYTES);
  const aes = await crypto.subtle.importKey('raw', derived.slice(0, KEY_BYTES), 'AES-GCM', false, [
    'encrypt',
    'decrypt',
  ]);
  derived.fill(0, 0, KEY_BYTES);

  const parameters = (index: number) => {
    const iv = new Uint8Array(12);
    iv.set(prefix);
    new DataView(iv.buffer).setUint32(PREFIX_BYTES, index);
    iv[11] = index === layout.chunkCount - 1 ? 1 : 0;
    return { name: 'AES-GCM', iv, tagLength: TAG_BYTES * 8 };
  };

  return {
    async seal(index, plaintext) {
      return new Uint8Array(await crypto.subtle.encrypt(parameters(index), aes, plaintext));
    },
    async open(index, sealed) {
      try {
        return new Uint8Array(await crypto.subtle.decrypt(parameters(index), aes, sealed));
      } catch (cause) {
        throw new BlobTamperedError('a part of the blob is not authentic', cause);
      }
    },
  };
}
