// Test vectors that others publish, read from a folder that CARILLON_VECTORS names.
// They are large and not ours, so that they are neither kept here nor fetched: get
// them by a clone of github.com/C2SP/wycheproof (its testvectors_v1), the ML-KEM
// folders of gen-val/json-files in github.com/usnistgov/ACVP-Server, and the ed25519
// folder of github.com/C2SP/CCTV, in one folder, at any depth.
import { createPrivateKey, decapsulate } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
import type { CryptoProvider } from '../../src/e2ee/index.ts';
import { nobleProvider } from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';

export const providers: Readonly<Record<string, CryptoProvider>> = { noble: nobleProvider, native: nativeProvider };

/** As far as the three layouts agree; groups and tests carry their own fields beside. */
interface VectorFile<Group, Case> {
  readonly testGroups: readonly (Group & { readonly tests: readonly Case[] })[];
}

const folder = process.env.CARILLON_VECTORS;

export function findVectors(file: string): string | undefined {
  const [found] = globSync([file, `**/${file}`], { cwd: folder!, exclude: (name) => name === 'node_modules' });
  return found && path.join(folder!, found);
}

/** Why the vectors of this file cannot be run; false when they can. */
export function reasonToSkip(file: string): string | false {
  if (!folder) return 'set CARILLON_VECTORS to a folder with published vectors (publishedVectors.ts says which)';
  return findVectors(file) ? false : `there is no ${file} below CARILLON_VECTORS`;
}

export function bytes(digits: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

// A private key is a seed for us. Some vectors have what follows from one, changed
// so that no seed leads there: they are for the libraries underneath. By RFC 9935
// §6 the expanded key is an OCTET STRING in PKCS #8.
const EXPANDED_KEY_BYTES = 3_168;
const EXPANDED_KEY_HEADER = bytes('30820c78020100300b060960864801650304040304820c6404820c60');

export const expandedDecapsulation: Readonly<Record<string, (key: Uint8Array, ciphertext: Uint8Array) => Uint8Array>> =
  {
    noble: (key, ciphertext) => ml_kem1024.decapsulate(ciphertext, key),
    native(key, ciphertext) {
      if (key.length !== EXPANDED_KEY_BYTES) throw new Error('not the length of a key');
      const der = Buffer.concat([EXPANDED_KEY_HEADER, key]);
      return new Uint8Array(decapsulate(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), ciphertext));
    },
  };

/** Whether it gave a result instead of throwing. */
export function accepts(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** One test that runs every case of a file; `check` throws on one that is not as published, and answers false for a kind that we do not use. */
export function vectors<Group, Case>(name: string, file: string, check: (test: Case, group: Group) => unknown): void {
  test(name, { skip: reasonToSkip(file) }, (t: TestContext) => {
    const { testGroups } = JSON.parse(readFileSync(findVectors(file)!, 'utf8')) as VectorFile<Group, Case>;
    let ran = 0;
    for (const { tests, ...group } of testGroups) {
      for (const one of tests) {
        try {
          if (check(one, group as Group) !== false) ran++;
        } catch (error) {
          t.diagnostic(JSON.stringify(one).slice(0, 2_000));
          throw error;
        }
      }
    }
    if (ran === 0) throw new Error(`no vector of ${file} is of a kind that we use`);
    t.diagnostic(`${ran} vectors`);
  });
}
