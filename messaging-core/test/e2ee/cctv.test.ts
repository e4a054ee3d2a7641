// Every edge case that the points of an Ed25519 signature can have, from C2SP's
// Community Cryptography Test Vectors. Verifiers differ about them; ours must not,
// or one person's device would take what another's refuses.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bytes, findVectors, providers, reasonToSkip } from './publishedVectors.ts';

const FILE = 'ed25519vectors.json';
/** All but points of mixed order, which only their owner can make, and only where the equation holds without the cofactor. */
const REFUSED = [
  'low_order_A',
  'low_order_R',
  'non_canonical_A',
  'non_canonical_R',
  'low_order_residue',
  'reencoded_k',
];

interface Case {
  readonly key: string;
  readonly sig: string;
  readonly msg: string;
  readonly flags: readonly string[] | null;
}

for (const [name, provider] of Object.entries(providers)) {
  test(`[E2EE-27] CCTV, ${name}: Ed25519 points of low order, of mixed order and not canonical`, {
    skip: reasonToSkip(FILE),
  }, (t) => {
    const cases = JSON.parse(readFileSync(findVectors(FILE)!, 'utf8')) as Case[];
    for (const { key, sig, msg, flags } of cases) {
      const isRefused = (flags ?? []).some((flag) => REFUSED.includes(flag));
      const words = `${key} ${sig} ${flags}`;
      assert.equal(provider.ed25519Verify(bytes(key), Buffer.from(msg), bytes(sig)), !isRefused, words);
    }
    t.diagnostic(`${cases.length} vectors`);
  });
}
