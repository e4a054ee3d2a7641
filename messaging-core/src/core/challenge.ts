// Login challenges that cost no memory until they are answered: the challenge
// says for whom and until when it is, under a MAC of the server's. Only those
// answered with a valid signature are remembered, as spent, until they expire;
// a stranger who asks for many fills nothing.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Address, addressKey, base64urlToBytes, bytesToBase64url, type ErrorCode } from '@carillon/protocol';

/** From challenge to token: one round trip. Longer only helps very slow links. */
export const CHALLENGE_LIFE_MS = 60_000;
/** A key of challenges serves for so long. Shorter bounds what a stolen one is good for, and makes nodes agree on one more often. */
const KEY_EPOCH_MS = 3600_000;

const NONCE_BYTES = 16;

const CHALLENGE = /^([A-Za-z0-9_-]{22})\.(\d{1,15})\.([A-Za-z0-9_-]{43})$/;

/** Which key a challenge of this end is made with: known from the challenge itself. */
export function challengeKeyEpoch(expiresAtMs: number): string {
  return String(Math.floor((expiresAtMs - CHALLENGE_LIFE_MS) / KEY_EPOCH_MS));
}

/** What it says of its end, not to be believed before the check; undefined when it is no challenge. */
export function expiryOf(challenge: string): number | undefined {
  const parts = CHALLENGE.exec(challenge);
  return parts ? Number(parts[2]) : undefined;
}

function macOf(key: Uint8Array, address: Address, head: string): Buffer {
  return createHmac('sha256', key)
    .update(`carillon challenge v1\0${addressKey(address)}\0${head}`)
    .digest();
}

/** `nonce` of 16 random bytes. */
export function makeChallenge(key: Uint8Array, address: Address, nonce: Uint8Array, expiresAtMs: number): string {
  const head = `${bytesToBase64url(nonce)}.${expiresAtMs}`;
  return `${head}.${bytesToBase64url(macOf(key, address, head))}`;
}

export type ChallengeCheck =
  | { readonly ok: true; readonly expiresAtMs: number }
  | { readonly ok: false; readonly code: ErrorCode };

/** Whether it is ours, for this device, and in time. */
export function checkChallenge(key: Uint8Array, address: Address, challenge: string, nowMs: number): ChallengeCheck {
  const parts = CHALLENGE.exec(challenge);
  if (!parts) return { ok: false, code: 'token-invalid' };
  const [, nonce, expiry, mac] = parts as unknown as [string, string, string, string];
  let given: Uint8Array;
  try {
    given = base64urlToBytes(mac);
    if (base64urlToBytes(nonce).length !== NONCE_BYTES) return { ok: false, code: 'token-invalid' };
  } catch {
    // Not canonical base64url: it would be a second form of the same challenge.
    return { ok: false, code: 'token-invalid' };
  }
  if (!timingSafeEqual(given, macOf(key, address, `${nonce}.${expiry}`))) return { ok: false, code: 'token-invalid' };
  const expiresAtMs = Number(expiry);
  return nowMs < expiresAtMs ? { ok: true, expiresAtMs } : { ok: false, code: 'token-expired' };
}
