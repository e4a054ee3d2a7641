import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { nobleProvider, startSession, verifySignedPrekey } from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { addressOf, Device, refused, type Sealed, talkingPair } from './pair.ts';

for (const [name, provider] of Object.entries({ noble: nobleProvider, native: nativeProvider })) {
  describe(`sessions on the ${name} provider`, () => {
    test('[E2EE-2] a session starts with and without a one-time prekey', () => {
      for (const oneTimePrekeyId of [undefined, 2]) {
        const alice = new Device('A', provider);
        const bob = new Device('Q', provider);
        alice.start(bob, oneTimePrekeyId);
        const first = alice.seal('hello');
        assert.equal(first.kind, 'prekey');
        const opened = bob.tryOpen(alice, first);
        assert.equal(opened.usedOneTimePrekeyId, oneTimePrekeyId);
        assert.deepEqual(opened.peerIdentity, alice.identity.publicKey);
        assert.equal(opened.identityChanged, false);
        bob.open(alice, first);
        const answer = bob.seal('hello back');
        assert.equal(answer.kind, 'ratchet');
        assert.equal(alice.open(bob, answer), 'hello back');
        assert.equal(alice.seal('and on').kind, 'ratchet');
      }
    });
  });
}

test('[E2EE-2] a bundle whose signed prekey its identity did not sign is refused', () => {
  const [alice, bob, mallory] = ['A', 'Q', 'g'].map((letter) => new Device(letter)) as [Device, Device, Device];
  const input = { identity: alice.identity, local: alice.address, remote: bob.address };
  const bundle = bob.bundle(1);
  const forged = [
    { ...bundle, identityKey: mallory.identity.publicKey },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, id: 2 } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, publicKey: mallory.signedPrekey.publicKey } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, publicKey: new Uint8Array(0) } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, signature: new Uint8Array(64) } },
  ];
  for (const each of forged) {
    assert.throws(() => startSession(nativeProvider, { ...input, bundle: each }), refused('bad-signature'));
  }
  verifySignedPrekey(nativeProvider, bundle.identityKey, bundle.signedPrekey);
  const lowOrder = { ...bundle, oneTimePrekey: { id: 1, publicKey: new Uint8Array(32) } };
  assert.throws(() => startSession(nativeProvider, { ...input, bundle: lowOrder }), refused('bad-message'));
  const trustedIdentity = mallory.identity.publicKey;
  assert.throws(
    () => startSession(nativeProvider, { ...input, bundle, trustedIdentity }),
    refused('untrusted-identity'),
  );
});

test('[E2EE-2] a message opens only from the address to the address it was sealed for', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob, 1);
  const sealed = alice.seal('for bob');
  const stranger = new Device('g');
  assert.throws(() => bob.tryOpen(stranger, sealed), refused('bad-message'));
  const misdirected = { ...bob, address: addressOf('Q', 2), tryOpen: bob.tryOpen };
  assert.throws(() => misdirected.tryOpen(alice, sealed), refused('bad-message'));
  assert.equal(bob.open(alice, sealed), 'for bob');
});

test('[E2EE-6] the handshake is repeated until an answer arrives, and used up once', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob, 1);
  const sent = ['one', 'two', 'three'].map((text) => alice.seal(text));
  assert.deepEqual(
    sent.map((each) => each.kind),
    ['prekey', 'prekey', 'prekey'],
  );
  assert.equal(bob.open(alice, sent[1]!), 'two');
  assert.equal(bob.oneTimePrekeys.has(1), false);
  const again = bob.tryOpen(alice, sent[0]!);
  assert.equal(again.usedOneTimePrekeyId, undefined);
  assert.equal(bob.open(alice, sent[0]!), 'one');
  assert.equal(bob.open(alice, sent[2]!), 'three');
  assert.equal(bob.record?.archived.length, 0);
  for (const each of sent) assert.throws(() => bob.tryOpen(alice, each), refused('duplicate-message'));
});

test('[E2EE-6] a prekey that is used up or unknown is named, and a message without a session too', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob, 1);
  const sealed = alice.seal('hello');
  bob.open(alice, sealed);
  bob.record = undefined;
  assert.throws(() => bob.tryOpen(alice, sealed), refused('unknown-prekey'));
  assert.throws(() => bob.tryOpen(alice, { ...sealed, kind: 'ratchet' }), refused('no-session'));

  const pair = talkingPair();
  const ratchet = pair.alice.seal('lost');
  pair.bob.record = undefined;
  assert.throws(() => pair.bob.tryOpen(pair.alice, ratchet), refused('no-session'));
});

test('[E2EE-4] thousands of messages, in turns, over every ratchet step', () => {
  const { alice, bob } = talkingPair();
  for (let n = 0; n < 2_000; n++) {
    const [from, to] = n % 7 < 4 ? [alice, bob] : [bob, alice];
    assert.equal(to.open(from, from.seal(`message ${n}`)), `message ${n}`);
  }
});

test('[E2EE-4] shuffled, lost and repeated messages open once each, whichever come', () => {
  const step = fc.record({
    fromAlice: fc.boolean(),
    /** Which of the messages under way is delivered next, if any. */
    deliver: fc.array(fc.nat({ max: 30 }), { maxLength: 3 }),
    lose: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 80 }), (steps) => {
      const { alice, bob } = talkingPair();
      const underWay: { from: Device; to: Device; sealed: Sealed; text: string }[] = [];
      const done: typeof underWay = [];
      const deliver = (at: number) => {
        const [message] = underWay.splice(at % underWay.length, 1);
        const { from, to, sealed, text } = message!;
        assert.equal(to.open(from, sealed), text);
        done.push(message!);
      };
      for (const [n, { fromAlice, deliver: order, lose }] of steps.entries()) {
        const [from, to] = fromAlice ? [alice, bob] : [bob, alice];
        underWay.push({ from, to, sealed: from.seal(`${n}`), text: `${n}` });
        if (lose) underWay.pop();
        for (const at of order) if (underWay.length > 0) deliver(at);
        // Five chains are remembered: nothing may stay under way over more turns than that.
        while (underWay.length > 2) deliver(0);
      }
      for (const { from, to, sealed } of done.slice(-3)) {
        const before = to.record;
        assert.throws(() => to.open(from, sealed), { name: 'E2eeError' });
        assert.equal(to.record, before);
      }
    }),
    { numRuns: 40 },
  );
});

test('[E2EE-4] stragglers of earlier ratchet steps still open', () => {
  const { alice, bob } = talkingPair();
  const late = [alice.seal('a1'), alice.seal('a2')];
  bob.open(alice, alice.seal('a3'));
  alice.open(bob, bob.seal('b1'));
  late.push(alice.seal('a4'));
  bob.open(alice, alice.seal('a5'));
  alice.open(bob, bob.seal('b2'));
  bob.open(alice, alice.seal('a6'));
  assert.deepEqual(
    late.reverse().map((sealed) => bob.open(alice, sealed)),
    ['a4', 'a2', 'a1'],
  );
});

test('records are plain data: they survive structuredClone, and are never changed', () => {
  const freeze = (value: unknown): void => {
    if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return;
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  };
  const { alice, bob } = talkingPair();
  for (let n = 0; n < 20; n++) {
    alice.record = structuredClone(alice.record);
    bob.record = structuredClone(bob.record);
    freeze(alice.record);
    freeze(bob.record);
    const before = structuredClone([alice.record, bob.record]);
    const kept = [alice.record, bob.record];
    alice.seal('skipped');
    bob.open(alice, alice.seal('x'));
    alice.open(bob, bob.seal('y'));
    assert.deepEqual(kept, before);
  }
});

test('[E2EE-11] a new identity of the peer is told, and its former sessions are dropped', () => {
  const { alice, bob } = talkingPair();
  const reinstalled = new Device('A');
  reinstalled.start(bob, 2);
  const opened = bob.tryOpen(reinstalled, reinstalled.seal('new phone'));
  assert.equal(opened.identityChanged, true);
  assert.deepEqual(opened.peerIdentity, reinstalled.identity.publicKey);
  assert.deepEqual(opened.record.peerIdentity, reinstalled.identity.publicKey);
  assert.equal(opened.record.archived.length, 0);
  bob.record = opened.record;
  assert.throws(() => bob.tryOpen(alice, alice.seal('from the old one')), refused('no-session'));
});
