// Every edge case that the points of an Ed25519 signature can have, from C2SP's
// Community Cryptography Test Vectors. Verifiers differ about them; ours must not,
// or one person's device would take what another's refuses.
import assert from 'node:assert/strict';
import { bytes, providers, vectorFile } from './publishedVectors.ts';

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
  vectorFile<Case[]>(`[E2EE-27] CCTV, ${name}: Ed25519 points of low and of mixed order`, FILE, (cases) => {
    for (const { key, sig, msg, flags } of cases) {
      const isRefused = (flags ?? []).some((flag) => REFUSED.includes(flag));
      const words = `${key} ${sig} ${flags}`;
      assert.equal(provider.ed25519Verify(bytes(key), Buffer.from(msg), bytes(sig)), !isRefused, words);
    }
    return cases.length;
  });
}
