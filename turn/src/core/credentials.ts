// Time-limited credentials: the TURN REST scheme (draft-uberti-behave-turn-rest,
// coturn's use-auth-secret), and nonces that need no memory.
import { createHash, createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { HmacKey } from './stun.ts';

/** `expiry:anything` or the expiry alone, in Unix seconds; U+FFFD stands for bytes that were no UTF-8. */
const USERNAME = /^(\d{1,12})(?::[^\p{Cc}\ufffd]+)?$/u;
/** RFC 8489 §14.3. */
const USERNAME_BYTES_MAX = 508;

/** When the credential ends, Unix milliseconds; undefined if it is none. */
export function credentialExpiryMs(username: string): number | undefined {
  const match = Buffer.byteLength(username) <= USERNAME_BYTES_MAX ? USERNAME.exec(username) : null;
  return match ? Number(match[1]) * 1000 : undefined;
}

/** The account's part of the name, for quotas; without one, who has the same expiry counts as one. */
export function credentialUser(username: string): string {
  return username.slice(username.indexOf(':') + 1);
}

/** Long-term key: MD5(username ":" realm ":" password) (RFC 8489 §9.2.2). */
export function longTermKey(secret: string, username: string, realm: string): KeyObject {
  const password = createHmac('sha1', secret).update(username).digest('base64');
  return createSecretKey(createHash('md5').update(`${username}:${realm}:${password}`).digest());
}

/** A nonce is good for this long; a stale one costs the client one more round trip. */
const NONCE_LIFETIME_MINUTES = 60;
/** Two base64url digits of the minute (it wraps after 68 hours; the MAC is over all of it), six of the MAC. */
const NONCE = /^[\w-]{8}$/;
const MINUTE_DIGITS = 2;
const MINUTE_MASK = 0xfff;

/**
 * Stateless: the minute, and a MAC over it and the client's address. node-turn
 * keeps every nonce it hands out for an hour, which anyone can fill its memory with.
 * Short, because whoever asks for it has proved nothing: 36 bits cannot be guessed
 * at the rate that `SourceLimit` leaves, and the key is needed beside it.
 */
export function makeNonce(key: HmacKey, client: string, nowMs: number): string {
  return nonceOf(key, client, Math.floor(nowMs / 60_000));
}

export function isFreshNonce(key: HmacKey, client: string, nonce: string, nowMs: number): boolean {
  if (!NONCE.test(nonce)) return false;
  const now = Math.floor(nowMs / 60_000);
  const low = Buffer.from(`AA${nonce.slice(0, MINUTE_DIGITS)}`, 'base64url').readUIntBE(0, 3);
  const ageMinutes = (now - low) & MINUTE_MASK;
  if (ageMinutes > NONCE_LIFETIME_MINUTES) return false;
  return timingSafeEqual(Buffer.from(nonce), Buffer.from(nonceOf(key, client, now - ageMinutes)));
}

function nonceOf(key: HmacKey, client: string, minute: number): string {
  const low = Buffer.alloc(3);
  low.writeUIntBE(minute & MINUTE_MASK, 0, 3);
  const mac = createHmac('sha256', key).update(`${client} ${minute}`).digest('base64url');
  return low.toString('base64url').slice(MINUTE_DIGITS) + mac.slice(0, 8 - MINUTE_DIGITS);
}
