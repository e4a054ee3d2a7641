// STUN messages on the wire (RFC 8489 §5, §14), read strictly: exact length,
// nothing that MESSAGE-INTEGRITY does not cover is believed, a wrong
// FINGERPRINT is no message at all. node-turn's own codec honours what an
// attacker appends; ours replaces it.
import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

export const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
/** "STUN" (RFC 8489 §14.7). */
const FINGERPRINT_XOR = 0x5354554e;
/** A legitimate request has under a dozen; more only costs us time. */
const ATTRIBUTES_MAX = 32;

/** As a KeyObject: with a Buffer for its key an HMAC takes Node 24 six times as long. */
export type HmacKey = KeyObject | Buffer;

export const CLASS = { request: 0, indication: 1, success: 2, error: 3 } as const;
export type StunClass = (typeof CLASS)[keyof typeof CLASS];

/** RFC 8489 §3.1 and RFC 8656 §17. */
export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
} as const;

/** RFC 8489 §14, RFC 8656 §18. */
export const ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  evenPort: 0x0018,
  requestedTransport: 0x0019,
  xorMappedAddress: 0x0020,
  reservationToken: 0x0022,
  additionalAddressFamily: 0x8000,
  addressErrorCode: 0x8001,
  software: 0x8022,
  fingerprint: 0x8028,
} as const;

const KNOWN: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE));

export interface StunAttribute {
  readonly type: number;
  readonly value: Buffer;
}

export interface StunMessage {
  readonly class: StunClass;
  readonly method: number;
  /** 12 bytes. */
  readonly transactionId: Buffer;
  readonly attributes: readonly StunAttribute[];
  /** Where MESSAGE-INTEGRITY begins, with its 20 bytes; undefined without. */
  readonly integrity: { readonly offset: number; readonly value: Buffer } | undefined;
  readonly hasFingerprint: boolean;
  /** Comprehension-required attributes nobody here knows (RFC 8489 §6.3.1). */
  readonly unknown: readonly number[];
  readonly raw: Buffer;
}

/** Undefined for anything that is not one whole, well-formed message. */
export function decodeStun(raw: Buffer): StunMessage | undefined {
  if (raw.length < HEADER_BYTES || (raw[0]! & 0xc0) !== 0) return undefined;
  if (raw.readUInt32BE(4) !== MAGIC_COOKIE) return undefined;
  const length = raw.readUInt16BE(2);
  if (length % 4 !== 0 || length + HEADER_BYTES !== raw.length) return undefined;
  const type = raw.readUInt16BE(0);
  const attributes: StunAttribute[] = [];
  const unknown: number[] = [];
  let integrity: StunMessage['integrity'];
  let hasFingerprint = false;
  let offset = HEADER_BYTES;
  for (let count = 0; offset < raw.length; count++) {
    // FINGERPRINT is the last attribute (RFC 8489 §14.7).
    if (count >= ATTRIBUTES_MAX || hasFingerprint || offset + 4 > raw.length) return undefined;
    const attributeType = raw.readUInt16BE(offset);
    const valueLength = raw.readUInt16BE(offset + 2);
    const end = offset + 4 + valueLength;
    if (end > raw.length) return undefined;
    const value = raw.subarray(offset + 4, end);
    if (attributeType === ATTRIBUTE.fingerprint) {
      if (valueLength !== 4 || value.readUInt32BE(0) !== fingerprintOf(raw.subarray(0, offset))) return undefined;
      hasFingerprint = true;
    } else if (integrity === undefined) {
      // What follows MESSAGE-INTEGRITY is not covered by it and ignored (§14.5).
      if (attributeType === ATTRIBUTE.messageIntegrity) {
        if (valueLength !== 20) return undefined;
        integrity = { offset, value };
      } else {
        attributes.push({ type: attributeType, value });
        if (attributeType < 0x8000 && !KNOWN.has(attributeType)) unknown.push(attributeType);
      }
    }
    offset = end + ((4 - (valueLength % 4)) % 4);
  }
  if (offset !== raw.length) return undefined;
  return {
    class: (((type >> 7) & 2) | ((type >> 4) & 1)) as StunClass,
    method: ((type >> 2) & 0xf80) | ((type >> 1) & 0x70) | (type & 0xf),
    transactionId: raw.subarray(8, 20),
    attributes,
    integrity,
    hasFingerprint,
    unknown,
    raw,
  };
}

/** The first attribute of that type. */
export function attributeOf(message: StunMessage, type: number): Buffer | undefined {
  return message.attributes.find((attribute) => attribute.type === type)?.value;
}

/** Compares MESSAGE-INTEGRITY (HMAC-SHA1, RFC 8489 §14.5) in constant time. */
export function verifyIntegrity(message: StunMessage, key: HmacKey): boolean {
  if (!message.integrity) return false;
  const { offset, value } = message.integrity;
  return timingSafeEqual(value, integrityOf(message.raw.subarray(0, offset), key));
}

/** The length field must count up to the end of MESSAGE-INTEGRITY itself. */
function integrityOf(before: Buffer, key: HmacKey): Buffer {
  const header = Buffer.from(before.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(before.length - HEADER_BYTES + 24, 2);
  return createHmac('sha1', key).update(header).update(before.subarray(HEADER_BYTES)).digest();
}

function fingerprintOf(before: Buffer): number {
  const header = Buffer.from(before.subarray(0, HEADER_BYTES));
  header.writeUInt16BE(before.length - HEADER_BYTES + 8, 2);
  return (crc32(before.subarray(HEADER_BYTES), crc32(header)) ^ FINGERPRINT_XOR) >>> 0;
}

export interface StunReply {
  readonly class: StunClass;
  readonly method: number;
  readonly transactionId: Buffer;
  readonly attributes: readonly StunAttribute[];
  /** Adds MESSAGE-INTEGRITY. */
  readonly key?: HmacKey | undefined;
  readonly fingerprint?: boolean;
}

export function encodeStun(message: StunReply): Buffer {
  const size = message.attributes.reduce((bytes, { value }) => bytes + 4 + padded(value.length), HEADER_BYTES);
  const whole = Buffer.alloc(size + (message.key ? 24 : 0) + (message.fingerprint ? 8 : 0));
  whole.writeUInt16BE(typeOf(message.class, message.method), 0);
  whole.writeUInt16BE(whole.length - HEADER_BYTES, 2);
  whole.writeUInt32BE(MAGIC_COOKIE, 4);
  message.transactionId.copy(whole, 8);
  let offset = HEADER_BYTES;
  const put = (type: number, value: Buffer) => {
    whole.writeUInt16BE(type, offset);
    whole.writeUInt16BE(value.length, offset + 2);
    value.copy(whole, offset + 4);
    offset += 4 + padded(value.length);
  };
  for (const { type, value } of message.attributes) put(type, value);
  if (message.key) put(ATTRIBUTE.messageIntegrity, integrityOf(whole.subarray(0, offset), message.key));
  if (message.fingerprint) {
    const value = Buffer.alloc(4);
    value.writeUInt32BE(fingerprintOf(whole.subarray(0, offset)));
    put(ATTRIBUTE.fingerprint, value);
  }
  return whole;
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function typeOf(stunClass: number, method: number): number {
  return (
    ((method & 0xf80) << 2) | ((method & 0x70) << 1) | (method & 0xf) | ((stunClass & 2) << 7) | ((stunClass & 1) << 4)
  );
}
