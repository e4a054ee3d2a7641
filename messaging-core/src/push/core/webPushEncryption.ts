// Message encryption for Web Push (RFC 8291), content coding aes128gcm
// (RFC 8188) with one record.
import { createCipheriv, createECDH, createHmac, hkdfSync } from 'node:crypto';

const RECORD_BYTES = 4_096;
/** RFC 8188 §2: the delimiter of the last record. */
const LAST_RECORD = 2;

export interface WebPushKeys {
  /** The subscription's P-256 public key, 65 bytes. */
  readonly p256dh: Uint8Array;
  /** Its authentication secret, 16 bytes. */
  readonly auth: Uint8Array;
}

/**
 * @param ephemeralPrivateKey P-256, 32 bytes, of this message alone
 * @param salt 16 bytes, of this message alone
 * @throws Error when the subscription's key is no point of the curve
 */
export function sealWebPush(
  plaintext: Uint8Array,
  { p256dh, auth }: WebPushKeys,
  ephemeralPrivateKey: Uint8Array,
  salt: Uint8Array,
): Uint8Array {
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(ephemeralPrivateKey);
  const ephemeral = ecdh.getPublicKey();
  // RFC 8291 §3.4: the authentication secret, then both public keys, are part of the key.
  const prk = createHmac('sha256', auth).update(ecdh.computeSecret(p256dh)).digest();
  const keyInfo = Buffer.concat([Buffer.from('WebPush: info\0'), p256dh, ephemeral]);
  const ikm = createHmac('sha256', prk).update(keyInfo).update(Buffer.of(1)).digest();
  const key = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: aes128gcm\0', 16));
  const nonce = Buffer.from(hkdfSync('sha256', ikm, salt, 'Content-Encoding: nonce\0', 12));
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  const sealed = [cipher.update(plaintext), cipher.update(Buffer.of(LAST_RECORD)), cipher.final(), cipher.getAuthTag()];
  // RFC 8188 §2.1: salt, record size, key id; here the key id is the ephemeral public key.
  const recordSize = Buffer.alloc(4);
  recordSize.writeUInt32BE(RECORD_BYTES);
  return Buffer.concat([salt, recordSize, Buffer.of(ephemeral.length), ephemeral, ...sealed]);
}
