// A talk with seeded randomness, kept byte for byte: a change of format or of
// any derivation, which would cut off every session there is, is noticed here.
// After a deliberate change of format: CARILLON_REFREEZE=1 node --test <this file>.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type CryptoProvider, nobleProvider } from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { Device, type Sealed, seededProvider } from './pair.ts';

const FIXTURE = new URL('./fixtures/transcript.v1.json', import.meta.url);

interface Line {
  readonly from: string;
  readonly kind: string;
  readonly plaintext: string;
  readonly ciphertext: string;
}

function talk(base: CryptoProvider): { bundle: string; lines: Line[] } {
  const alice = new Device('A', seededProvider('alice', base));
  const bob = new Device('Q', seededProvider('bob', base));
  const lines: Line[] = [];
  const say = (from: Device, plaintext: string): Sealed => {
    const sealed = from.seal(plaintext);
    const ciphertext = Buffer.from(sealed.ciphertext).toString('hex');
    lines.push({ from: from === alice ? 'alice' : 'bob', kind: sealed.kind, plaintext, ciphertext });
    return sealed;
  };
  alice.start(bob, 1);
  const first = say(alice, 'first');
  bob.open(alice, say(alice, 'second'));
  bob.open(alice, first);
  alice.open(bob, say(bob, 'answer'));
  bob.open(alice, say(alice, 'a new chain'));
  bob.open(alice, say(alice, ''));
  alice.open(bob, say(bob, 'and another'));
  bob.start(alice);
  alice.open(bob, say(bob, 'a new session without a one-time prekey'));
  bob.open(alice, say(alice, 'answered'));
  const { identityKey, signedPrekey, oneTimePrekey } = bob.bundle(2);
  const keys = [identityKey, signedPrekey.publicKey, signedPrekey.signature, oneTimePrekey!.publicKey];
  return { bundle: Buffer.concat(keys).toString('hex'), lines };
}

if (process.env.CARILLON_REFREEZE) writeFileSync(FIXTURE, `${JSON.stringify(talk(nobleProvider), null, 1)}\n`);

test('[E2EE-8] the talk kept in the fixture is made again, byte for byte, by both providers', () => {
  const frozen = JSON.parse(readFileSync(FIXTURE, 'utf8')) as unknown;
  assert.deepEqual(talk(nobleProvider), frozen);
  assert.deepEqual(talk(nativeProvider), frozen);
});
