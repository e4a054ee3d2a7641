// What two people compare to know that no one is between them: sixty digits to
// read out, or a code to scan. Both are made of an iterated hash over each
// account's id and identity; the iteration makes a search for a near match cost
// 5,200 times as much. The construction is Signal's numeric fingerprint in kind,
// not in bytes.
import { base64urlToBytes, bytesToBase64url, concatBytes, utf8 } from '@carillon/protocol';
import { sha512 } from '@noble/hashes/sha2.js';
import { equalBytes } from './equalBytes.ts';

const ITERATIONS = 5_200;
const DOMAIN = utf8('Carillon safety number v1\0');
const GROUPS = 6;
const BYTES_PER_GROUP = 5;
/** Nobody has to read them: the scanned code has as many as a hash that cannot be forged needs. */
const CODE_BYTES = 32;
const CODE =
  /^carillon:safety\?v=1&of=([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})&with=([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})$/;

export interface SafetyNumberParty {
  readonly accountId: string;
  /** The account's Ed25519 identity: the primary device's. Several are taken in any order. */
  readonly identityKeys: readonly Uint8Array[];
}

/** `other-people`: no code that these two could compare, be it somebody else's, one's own or none at all. */
export type SafetyComparison = 'same' | 'different' | 'other-people';

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

function fingerprint(party: SafetyNumberParty): Uint8Array {
  const id = utf8(party.accountId);
  const keys = concatBytes(...[...party.identityKeys].sort(compareBytes));
  const input = concatBytes(DOMAIN, Uint8Array.of(id.length), id, keys);
  let digest: Uint8Array = sha512(input);
  for (let i = 1; i < ITERATIONS; i++) digest = sha512(concatBytes(digest, keys));
  return digest;
}

function digitsOf(party: SafetyNumberParty): string {
  const digest = fingerprint(party);
  let digits = '';
  for (let group = 0; group < GROUPS; group++) {
    let value = 0;
    for (const byte of digest.subarray(group * BYTES_PER_GROUP, (group + 1) * BYTES_PER_GROUP)) {
      value = value * 256 + byte;
    }
    digits += String(value % 100_000).padStart(5, '0');
  }
  return digits;
}

/** Sixty digits, the same on both sides; shown in twelve groups of five. */
export function safetyNumber(local: SafetyNumberParty, remote: SafetyNumberParty): string {
  return [digitsOf(local), digitsOf(remote)].sort().join('');
}

/** Text to show as a QR code: what we hold for ourselves and for the other. */
export function safetyCode(local: SafetyNumberParty, remote: SafetyNumberParty): string {
  const [of, to] = [local, remote].map(
    (party) => `${party.accountId}.${bytesToBase64url(fingerprint(party).subarray(0, CODE_BYTES))}`,
  );
  return `carillon:safety?v=1&of=${of}&with=${to}`;
}

/**
 * What the other's screen shows against what is held here. `same` only when each
 * side has the very keys that the other has of itself.
 */
export function compareSafetyCode(
  scanned: string,
  local: SafetyNumberParty,
  remote: SafetyNumberParty,
): SafetyComparison {
  const [, theirId, theirs, ourId, ours] = CODE.exec(scanned.trim()) ?? [];
  if (theirId !== remote.accountId || ourId !== local.accountId) return 'other-people';
  const matches = (party: SafetyNumberParty, text: string) => {
    try {
      return equalBytes(base64urlToBytes(text), fingerprint(party).subarray(0, CODE_BYTES));
    } catch {
      return false;
    }
  };
  return matches(remote, theirs!) && matches(local, ours!) ? 'same' : 'different';
}
