import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { E2eeError } from '../../src/e2ee/index.ts';
import { Device, type Sealed, talkingPair } from './pair.ts';

function flipped(sealed: Sealed, bit: number): Sealed {
  const ciphertext = new Uint8Array(sealed.ciphertext);
  ciphertext[bit >> 3]! ^= 1 << (bit & 7);
  return { ...sealed, ciphertext };
}

/** Bit flips are refused by their code, nothing changes, and the message itself still opens. */
function refusesFlips(from: Device, to: Device, sealed: Sealed, text: string, everyBits = 1): void {
  const record = structuredClone(to.record);
  for (let bit = 0; bit < sealed.ciphertext.length * 8; bit += everyBits) {
    assert.throws(() => to.open(from, flipped(sealed, bit)), E2eeError, `bit ${bit}`);
  }
  assert.deepEqual(to.record, record);
  assert.equal(to.open(from, sealed), text);
}

test('[E2EE-3] any changed bit of a first message is refused', () => {
  for (const oneTimePrekeyId of [undefined, 1]) {
    const alice = new Device('A');
    const bob = new Device('Q');
    alice.start(bob, oneTimePrekeyId);
    refusesFlips(alice, bob, alice.seal('x'), 'x', oneTimePrekeyId ? 17 : 41);
    assert.equal(bob.oneTimePrekeys.size, oneTimePrekeyId ? 2 : 3);
    refusesFlips(alice, bob, alice.seal('again'), 'again', 7);
  }
});

test('[E2EE-3] the bit of the ephemeral key that X25519 ignores (RFC 7748 section 5) is bound too', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob);
  const sealed = alice.seal('x');
  assert.throws(() => bob.open(alice, flipped(sealed, 64 * 8 + 7)), E2eeError);
  assert.equal(bob.open(alice, sealed), 'x');
});

test('[E2EE-3] any changed bit of a ratchet message is refused, in and out of order', () => {
  const { alice, bob } = talkingPair();
  refusesFlips(alice, bob, alice.seal('a new chain'), 'a new chain');
  const skipped = alice.seal('skipped');
  refusesFlips(alice, bob, alice.seal('ahead'), 'ahead', 3);
  refusesFlips(alice, bob, skipped, 'skipped');
  refusesFlips(bob, alice, bob.seal('back'), 'back', 5);
});

test('[E2EE-3] bytes that are no message are refused by their code', () => {
  const { alice, bob } = talkingPair();
  const valid = alice.seal('valid');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.constantFrom('prekey', 'ratchet'), (bytes, kind) => {
      const ciphertext = new Uint8Array(bytes);
      assert.throws(() => bob.open(alice, { kind, ciphertext }), E2eeError);
      // Past the version byte, with a tag that is known.
      const known = new Uint8Array(Math.max(bytes.length, 16));
      known.set(bytes);
      known.set(valid.ciphertext.subarray(0, 9));
      assert.throws(() => bob.open(alice, { kind, ciphertext: known }), E2eeError);
    }),
    { numRuns: 300 },
  );
  // One bit anywhere in messages of any length, seeded.
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), fc.nat(), (plaintext, at) => {
      const sealed = alice.seal(plaintext);
      assert.throws(() => bob.open(alice, flipped(sealed, at % (sealed.ciphertext.length * 8))), E2eeError);
      bob.open(alice, sealed);
    }),
  );
  for (let length = 0; length < valid.ciphertext.length; length++) {
    const ciphertext = valid.ciphertext.slice(0, length);
    assert.throws(() => bob.open(alice, { kind: 'ratchet', ciphertext }), E2eeError);
    assert.throws(() => bob.open(alice, { kind: 'prekey', ciphertext }), E2eeError);
  }
  assert.equal(bob.open(alice, valid), 'valid');
});
