// NIST's ACVP vectors of ML-KEM (FIPS 203), in the form that holds questions and
// answers together (internalProjection.json).
import assert from 'node:assert/strict';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import { accepts, bytes, expandedDecapsulation, providers, vectors } from './publishedVectors.ts';

const KEY_GENERATION = 'ML-KEM-keyGen-FIPS203/internalProjection.json';
const ENCAPSULATION = 'ML-KEM-encapDecap-FIPS203/internalProjection.json';

interface Group {
  readonly parameterSet: string;
  /** Of all tests of a group in older editions. */
  readonly dk?: string;
}
interface EncapsulationGroup extends Group {
  readonly function: 'encapsulation' | 'decapsulation' | 'encapsulationKeyCheck' | 'decapsulationKeyCheck';
}
type EncapsulationCase = Readonly<Record<'ek' | 'dk' | 'c' | 'k' | 'm', string>> & { readonly testPassed?: boolean };

const isOurs = ({ parameterSet }: Group) => parameterSet === 'ML-KEM-1024';

for (const [name, provider] of Object.entries(providers)) {
  vectors<Group, Readonly<Record<'d' | 'z' | 'ek', string>>>(
    `[E2EE-27] ACVP, ${name}: ML-KEM-1024 keys from seeds`,
    KEY_GENERATION,
    ({ d, z, ek }, group) => {
      if (!isOurs(group)) return false;
      assert.deepEqual(provider.kemKeyPair(bytes(d + z)).publicKey, bytes(ek));
    },
  );

  vectors<EncapsulationGroup, EncapsulationCase>(
    `[E2EE-27] ACVP, ${name}: ML-KEM-1024 encapsulation and its keys`,
    ENCAPSULATION,
    ({ ek, dk, c, k, m, testPassed }, group) => {
      if (!isOurs(group)) return false;
      const encapsulate = () => provider.kemEncapsulate(bytes(ek));
      if (group.function === 'encapsulationKeyCheck') {
        assert.equal(accepts(encapsulate), testPassed);
      } else if (group.function === 'encapsulation') {
        const { ciphertext, sharedSecret } = encapsulate();
        if (dk) assert.deepEqual(expandedDecapsulation[name]!(bytes(dk), ciphertext), sharedSecret);
        // Only the library under one of them can be given m.
        if (name === 'noble') {
          const answer = ml_kem1024.encapsulate(bytes(ek), bytes(m));
          assert.deepEqual([answer.cipherText, answer.sharedSecret], [bytes(c), bytes(k)]);
        }
      } else {
        return false;
      }
    },
  );

  vectors<EncapsulationGroup, EncapsulationCase>(
    `[E2EE-27] ACVP, the library under ${name}: ML-KEM-1024 decapsulation, also of what was changed`,
    ENCAPSULATION,
    ({ dk, c, k, testPassed }, group) => {
      if (!isOurs(group)) return false;
      const open = (ciphertext: Uint8Array) => expandedDecapsulation[name]!(bytes(dk ?? group.dk!), ciphertext);
      if (group.function === 'decapsulation') assert.deepEqual(open(bytes(c)), bytes(k));
      else if (group.function === 'decapsulationKeyCheck')
        assert.equal(
          accepts(() => open(new Uint8Array(1_568))),
          testPassed,
        );
      else return false;
    },
  );
}
