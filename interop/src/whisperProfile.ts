// The profile under which our core speaks as the other implementation does: labels,
// how a message key seals, what a message looks like on the wire, and identities
// that are X25519 keys which sign by XEdDSA. From the published specifications, and
// where those leave it open, from the bytes that the other side makes.
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  E2eeError,
  type ProtocolProfile,
  type RatchetMessage,
  type SenderKeyMessage,
} from '@carillon/messaging-core/e2ee/core';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { concatBytes, utf8 } from '@carillon/protocol';
import { kyberDecapsulate, kyberEncapsulate } from './kyber.ts';
import { encodeFields, Fields } from './protobufFields.ts';
import type { SeededRandom } from './seededRandom.ts';
import { xeddsaSign, xeddsaVerify } from './xeddsa.ts';

type Bytes = Uint8Array<ArrayBuffer>;

export const X3DH_INFO = utf8('WhisperText');
export const PQXDH_INFO = utf8('WhisperText_X25519_SHA-256_CRYSTALS-KYBER-1024');
const ZERO_SALT = new Uint8Array(32);
const MAC_BYTES = 8;
const SIGNATURE_BYTES = 64;

/** Keys are preceded by their type. */
const EC_KEY = 0x05;
const KYBER_KEY = 0x08;
export const encodeKey = (key: Uint8Array): Bytes => concatBytes(Uint8Array.of(EC_KEY), key);
export const encodeKemKey = (key: Uint8Array): Bytes => concatBytes(Uint8Array.of(KYBER_KEY), key);

function decode(type: number, bytes: Uint8Array): Bytes {
  if (bytes[0] !== type) throw new E2eeError('bad-message', 'a key of another type');
  return new Uint8Array(bytes.subarray(1));
}
export const decodeKey = (bytes: Uint8Array): Bytes => decode(EC_KEY, bytes);
export const decodeKemKey = (bytes: Uint8Array): Bytes => decode(KYBER_KEY, bytes);

/** 3 for sessions that X3DH began, 4 for PQXDH. */
export type SessionVersion = 3 | 4;
/** The upper half tells the message's version, the lower the newest that its sender knows. */
export const versionByte = (version: SessionVersion): Bytes => Uint8Array.of(version * 16 + 4);

export interface WhisperSession {
  readonly version: SessionVersion;
  readonly localIdentity: Uint8Array;
  readonly remoteIdentity: Uint8Array;
}

/** What the core asks of its provider, with our randomness from a seed. */
export function whisperProvider(random: SeededRandom): CryptoProvider {
  return {
    ...nativeProvider,
    randomBytes: random.bytes,
    ed25519PublicKey: (privateKey) => nativeProvider.x25519KeyPair(privateKey).publicKey,
    ed25519Sign: (privateKey, message) => xeddsaSign(privateKey, message, random.bytes(64)),
    ed25519Verify: xeddsaVerify,
    identityToX25519Public: (publicKey) => new Uint8Array(publicKey),
    identityToX25519Private: (privateKey) => new Uint8Array(privateKey),
    kemEncapsulate: (publicKey) => kyberEncapsulate(publicKey, random.bytes(32)),
    kemDecapsulate: kyberDecapsulate,
  };
}

function encrypt(key: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Bytes {
  const cipher = createCipheriv('aes-256-cbc', key, iv);
  return concatBytes(cipher.update(plaintext), cipher.final());
}

function decrypt(key: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Bytes {
  try {
    const decipher = createDecipheriv('aes-256-cbc', key, iv);
    return concatBytes(decipher.update(ciphertext), decipher.final());
  } catch (cause) {
    throw new E2eeError('bad-message', 'the ciphertext is malformed', cause);
  }
}

function messageKeys(provider: CryptoProvider, messageKey: Uint8Array) {
  const output = provider.hkdfSha256(messageKey, ZERO_SALT, utf8('WhisperMessageKeys'), 80);
  return { cipher: output.subarray(0, 32), mac: output.subarray(32, 64), iv: output.subarray(64) };
}

function truncatedMac(
  provider: CryptoProvider,
  key: Uint8Array,
  sender: Uint8Array,
  receiver: Uint8Array,
  data: Uint8Array,
) {
  return provider.hmacSha256(key, concatBytes(encodeKey(sender), encodeKey(receiver), data)).subarray(0, MAC_BYTES);
}

function groupKeys(provider: CryptoProvider, messageKey: Uint8Array) {
  const output = provider.hkdfSha256(messageKey, ZERO_SALT, utf8('WhisperGroup'), 48);
  return { iv: output.subarray(0, 16), cipher: output.subarray(16) };
}

/** The other side numbers chains by 31 bits; in our 16 bytes they are the last. */
export function chainIdOf(number: number): Bytes {
  const id = new DataView(new ArrayBuffer(16));
  id.setUint32(12, number);
  return new Uint8Array(id.buffer);
}
export function chainNumberOf(chainId: Uint8Array): number {
  return new DataView(chainId.buffer, chainId.byteOffset, chainId.byteLength).getUint32(12) & 0x7fffffff;
}

export const GROUP_VERSION = 0x33;

/** A group's distribution id, the 16 bytes of a UUID. */
export type DistributionId = Uint8Array;

export const whisperProfile = (info: Uint8Array): ProtocolProfile<WhisperSession, DistributionId> => ({
  agreementInfo: info,
  ratchet: {
    rootInfo: utf8('WhisperRatchet'),
    sealMessage(provider, messageKey, { version, localIdentity, remoteIdentity }, { dh, pn, n }, plaintext) {
      const { cipher, mac, iv } = messageKeys(provider, messageKey);
      const unsigned = concatBytes(
        versionByte(version),
        encodeFields([
          [1, encodeKey(dh)],
          [2, n],
          // The other side names the last message of the former chain, not how many there were.
          [3, Math.max(pn - 1, 0)],
          [4, encrypt(cipher, iv, plaintext)],
        ]),
      );
      return concatBytes(unsigned, truncatedMac(provider, mac, localIdentity, remoteIdentity, unsigned));
    },
    openMessage(provider, messageKey, { localIdentity, remoteIdentity }, { headerBytes, body }) {
      const { cipher, mac, iv } = messageKeys(provider, messageKey);
      const expected = truncatedMac(provider, mac, remoteIdentity, localIdentity, headerBytes);
      if (Buffer.compare(expected, body.subarray(-MAC_BYTES)) !== 0) {
        throw new E2eeError('bad-message', 'the MAC is another');
      }
      return decrypt(cipher, iv, body.subarray(0, -MAC_BYTES));
    },
  },
  senderKey: {
    sealMessage(provider, messageKey, distributionId, { chainId, iteration }, plaintext) {
      const { cipher, iv } = groupKeys(provider, messageKey);
      return concatBytes(
        Uint8Array.of(GROUP_VERSION),
        encodeFields([
          [1, new Uint8Array(distributionId)],
          [2, chainNumberOf(chainId)],
          [3, iteration],
          [4, encrypt(cipher, iv, plaintext)],
        ]),
      );
    },
    signedBytes: (_, unsigned) => unsigned,
    openMessage(provider, messageKey, _, { body }) {
      const { cipher, iv } = groupKeys(provider, messageKey);
      return decrypt(cipher, iv, body);
    },
  },
});

/** The header for our ratchet; all that the MAC covers counts as header bytes. @throws Error, E2eeError */
export function splitWhisperMessage(message: Uint8Array): RatchetMessage {
  const headerBytes = message.subarray(0, -MAC_BYTES);
  const fields = new Fields(headerBytes.subarray(1));
  const header = { dh: decodeKey(fields.bytes(1)), n: fields.number(2), pn: fields.number(3) + 1 };
  return { header, headerBytes, body: concatBytes(fields.bytes(4), message.subarray(-MAC_BYTES)) };
}

/** @throws Error, E2eeError */
export function splitGroupMessage(message: Uint8Array): SenderKeyMessage & { readonly distributionId: Bytes } {
  const unsigned = message.subarray(0, -SIGNATURE_BYTES);
  if (unsigned[0] !== GROUP_VERSION) throw new E2eeError('bad-message', 'not a group message of a known version');
  const fields = new Fields(unsigned.subarray(1));
  return {
    distributionId: fields.bytes(1),
    chainId: chainIdOf(fields.number(2)),
    iteration: fields.number(3),
    unsigned,
    headerBytes: unsigned.subarray(0, -fields.bytes(4).length),
    body: fields.bytes(4),
    signature: message.subarray(-SIGNATURE_BYTES),
  };
}
