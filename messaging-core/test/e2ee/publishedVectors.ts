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

/** As far as Wycheproof and ACVP agree; groups and tests carry their own fields beside. */
interface VectorGroups<Group, Case> {
  readonly testGroups: readonly (Group & { readonly tests: readonly Case[] })[];
}

const folder = process.env.CARILLON_VECTORS;

function find(file: string): string | undefined {
  const [found] = globSync([file, `**/${file}`], { cwd: folder!, exclude: (name) => name === 'node_modules' });
  return found && path.join(folder!, found);
}

if (!folder) {
  const skip = 'set CARILLON_VECTORS to a folder of published vectors; publishedVectors.ts says which';
  test('[E2EE-27] published vectors', { skip }, () => {});
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

/** One test over what a file holds; `run` gives the number of vectors. */
export function vectorFile<Content>(
  name: string,
  file: string,
  run: (content: Content, t: TestContext) => number,
): void {
  if (!folder) return;
  const found = find(file);
  test(name, { skip: found ? false : `there is no ${file} below CARILLON_VECTORS` }, (t) => {
    const ran = run(JSON.parse(readFileSync(found!, 'utf8')) as Content, t);
    if (ran === 0) throw new Error(`no vector of ${file} is of a kind that we use`);
    t.diagnostic(`${ran} vectors`);
  });
}

/**
 * The same for files of groups of cases. `check` throws on one that does not come
 * out as published, and answers false for a kind that we do not use.
 */
export function vectors<Group, Case>(name: string, file: string, check: (test: Case, group: Group) => unknown): void {
  vectorFile<VectorGroups<Group, Case>>(name, file, ({ testGroups }, t) => {
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
    return ran;
  });
}
