// Time-limited credentials: the TURN REST scheme (draft-uberti-behave-turn-rest,
// coturn's use-auth-secret), and nonces that need no memory.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

/** `expiry:anything`, expiry in Unix seconds. */
const USERNAME = /^(\d{1,12}):[\x20-\x7e]{1,128}$/;

/** When the credential ends, Unix milliseconds; undefined if it is none. */
export function credentialExpiryMs(username: string): number | undefined {
  const match = USERNAME.exec(username);
  return match ? Number(match[1]) * 1000 : undefined;
}

/** The account's part of the name, for quotas. */
export function credentialUser(username: string): string {
  return username.slice(username.indexOf(':') + 1);
}

/** Long-term key: MD5(username ":" realm ":" password) (RFC 8489 §9.2.2). */
export function longTermKey(secret: string, username: string, realm: string): Buffer {
  const password = createHmac('sha1', secret).update(username).digest('base64');
  return createHash('md5').update(`${username}:${realm}:${password}`).digest();
}

/** A nonce is good for this long; a stale one costs the client one more round trip. */
const NONCE_LIFETIME_MS = 3_600_000;
const NONCE_MAC_CHARACTERS = 16;

/**
 * Stateless: the time, and a MAC over it and the client's address. node-turn
 * keeps every nonce it hands out for an hour, which anyone can fill its memory with.
 */
export function makeNonce(key: Buffer, client: string, nowMs: number): string {
  const time = Math.floor(nowMs / 1000).toString(36);
  return `${time}-${nonceMac(key, client, time)}`;
}

export function isFreshNonce(key: Buffer, client: string, nonce: string, nowMs: number): boolean {
  const [time, mac, ...rest] = nonce.split('-');
  if (!time || !mac || rest.length > 0 || mac.length !== NONCE_MAC_CHARACTERS || !/^[0-9a-z]{1,9}$/.test(time))
    return false;
  const ageMs = nowMs - Number.parseInt(time, 36) * 1000;
  if (ageMs < -1000 || ageMs > NONCE_LIFETIME_MS) return false;
  // Hex of a client's making: compared as bytes, in constant time.
  return timingSafeEqual(
    Buffer.from(mac.padEnd(NONCE_MAC_CHARACTERS)).subarray(0, NONCE_MAC_CHARACTERS),
    Buffer.from(nonceMac(key, client, time)),
  );
}

function nonceMac(key: Buffer, client: string, time: string): string {
  return createHmac('sha256', key).update(`${client} ${time}`).digest('hex').slice(0, NONCE_MAC_CHARACTERS);
}
