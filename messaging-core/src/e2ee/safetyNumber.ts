// Sixty digits that two people compare to know that no one is between them. Each
// account contributes thirty, from an iterated hash over its id and identities;
// the iteration makes a search for a near match cost 5,200 times as much. The
// construction is Signal's numeric fingerprint in kind, not in bytes.
import { concatBytes, utf8 } from '@carillon/protocol';
import { sha512 } from '@noble/hashes/sha2.js';

const ITERATIONS = 5_200;
const DOMAIN = utf8('Carillon safety number v1\0');
const GROUPS = 6;
const BYTES_PER_GROUP = 5;

export interface SafetyNumberParty {
  readonly accountId: string;
  /** The Ed25519 identities of the account's devices, in any order. */
  readonly identityKeys: readonly Uint8Array[];
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? a.length - b.length : a[at]! - (b[at] ?? -1);
}

function halfOf(party: SafetyNumberParty): string {
  const id = utf8(party.accountId);
  const keys = concatBytes(...[...party.identityKeys].sort(compareBytes));
  const input = concatBytes(DOMAIN, Uint8Array.of(id.length), id, keys);
  let digest: Uint8Array = sha512(input);
  for (let i = 1; i < ITERATIONS; i++) digest = sha512(concatBytes(digest, keys));
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
  return [halfOf(local), halfOf(remote)].sort().join('');
}
