// Just enough of SRTP (RFC 3711; RFC 7714 for AES-GCM) on node:crypto to hold
// the worker's SRTP against something that is not libsrtp.
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';

/** Bytes of key, salt and authentication tag. */
export const SUITES = {
  AES_CM_128_HMAC_SHA1_80: { key: 16, salt: 14, tag: 10, isGcm: false },
  AES_CM_128_HMAC_SHA1_32: { key: 16, salt: 14, tag: 4, isGcm: false },
  AEAD_AES_128_GCM: { key: 16, salt: 12, tag: 16, isGcm: true },
  AEAD_AES_256_GCM: { key: 32, salt: 12, tag: 16, isGcm: true },
} as const;
export type Suite = keyof typeof SUITES;

/** RFC 3711 §4.3.3: the key derivation with rate 0. */
function derive(masterKey: Buffer, masterSalt: Buffer, label: number, length: number): Buffer {
  const iv = Buffer.alloc(16);
  masterSalt.copy(iv, 0);
  iv[7]! ^= label;
  return createCipheriv(`aes-${masterKey.length * 8}-ctr`, masterKey, iv).update(Buffer.alloc(length));
}

export function headerLength(packet: Buffer): number {
  const length = 12 + 4 * (packet[0]! & 0x0f);
  return packet[0]! & 0x10 ? length + 4 + 4 * packet.readUInt16BE(length + 2) : length;
}

export class Srtp {
  readonly #suite: (typeof SUITES)[Suite];
  readonly #key: Buffer;
  readonly #auth: Buffer;
  readonly #salt: Buffer;
  /** Rollover counter and highest sequence number by SSRC (RFC 3711 §3.3.1). */
  readonly #streams = new Map<number, { rollover: number; highest: number }>();

  constructor(suite: Suite, keyBase64: string) {
    this.#suite = SUITES[suite];
    const bytes = Buffer.from(keyBase64, 'base64');
    const masterKey = bytes.subarray(0, this.#suite.key);
    const masterSalt = bytes.subarray(this.#suite.key);
    this.#key = derive(masterKey, masterSalt, 0, this.#suite.key);
    this.#auth = derive(masterKey, masterSalt, 1, 20);
    this.#salt = derive(masterKey, masterSalt, 2, this.#suite.salt);
  }

  protect(packet: Buffer): Buffer {
    const rollover = this.#rollover(packet);
    const header = packet.subarray(0, headerLength(packet));
    const payload = packet.subarray(header.length);
    const iv = this.#iv(packet, rollover);
    if (this.#suite.isGcm) {
      const cipher = createCipheriv(this.#suite.key === 32 ? 'aes-256-gcm' : 'aes-128-gcm', this.#key, iv);
      cipher.setAAD(header);
      return Buffer.concat([header, cipher.update(payload), cipher.final(), cipher.getAuthTag()]);
    }
    const sealed = Buffer.concat([header, createCipheriv('aes-128-ctr', this.#key, iv).update(payload)]);
    return Buffer.concat([sealed, this.#tag(sealed, rollover)]);
  }

  /** @throws Error when the packet is not authentic. */
  unprotect(packet: Buffer): Buffer {
    const rollover = this.#rollover(packet);
    const header = packet.subarray(0, headerLength(packet));
    const body = packet.subarray(header.length, packet.length - this.#suite.tag);
    const tag = packet.subarray(packet.length - this.#suite.tag);
    const iv = this.#iv(packet, rollover);
    if (this.#suite.isGcm) {
      const decipher = createDecipheriv(this.#suite.key === 32 ? 'aes-256-gcm' : 'aes-128-gcm', this.#key, iv);
      decipher.setAAD(header);
      decipher.setAuthTag(tag);
      return Buffer.concat([header, decipher.update(body), decipher.final()]);
    }
    const expected = this.#tag(packet.subarray(0, packet.length - this.#suite.tag), rollover);
    if (!timingSafeEqual(tag, expected)) throw new Error('the tag does not match');
    return Buffer.concat([header, createDecipheriv('aes-128-ctr', this.#key, iv).update(body)]);
  }

  #rollover(packet: Buffer): number {
    const ssrc = packet.readUInt32BE(8);
    const sequence = packet.readUInt16BE(2);
    const stream = this.#streams.get(ssrc) ?? { rollover: 0, highest: sequence };
    this.#streams.set(ssrc, stream);
    let { rollover } = stream;
    if (sequence < stream.highest && stream.highest - sequence > 0x8000) rollover++;
    else if (sequence > stream.highest && sequence - stream.highest > 0x8000) rollover--;
    if (rollover > stream.rollover || (rollover === stream.rollover && sequence > stream.highest)) {
      stream.rollover = rollover;
      stream.highest = sequence;
    }
    return rollover;
  }

  /** RFC 3711 §4.1.1; RFC 7714 §8.1. */
  #iv(packet: Buffer, rollover: number): Buffer {
    const { isGcm } = this.#suite;
    const iv = Buffer.alloc(isGcm ? 12 : 16);
    const at = isGcm ? 2 : 4;
    packet.copy(iv, at, 8, 12);
    iv.writeUInt32BE(rollover >>> 0, at + 4);
    iv.writeUInt16BE(packet.readUInt16BE(2), at + 8);
    this.#salt.forEach((byte, index) => {
      iv[index]! ^= byte;
    });
    return iv;
  }

  #tag(data: Buffer, rollover: number): Buffer {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(rollover >>> 0);
    return createHmac('sha1', this.#auth).update(data).update(counter).digest().subarray(0, this.#suite.tag);
  }
}
