import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { kemPrekeyProof, prekeyProof } from '@carillon/protocol';
import fc from 'fast-check';
import { nobleProvider, startSession, verifySignedPrekey } from '../../src/e2ee/index.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { PQXDH_HEADER_BYTES } from '../../src/e2ee/pqxdh.ts';
import { ARCHIVED_SESSIONS_MAX, REPEATABLE_HANDSHAKES_MAX } from '../../src/e2ee/session.ts';
import { addressOf, Device, LAST_RESORT_ID, refused, type Sealed, talkingPair } from './pair.ts';

for (const [name, provider] of Object.entries({ noble: nobleProvider, native: nativeProvider })) {
  describe(`sessions on the ${name} provider`, () => {
    test('[E2EE-2] [E2EE-15] a session starts with and without one-time prekeys of either kind', () => {
      for (const [oneTimePrekeyId, kemPrekeyId] of [
        [undefined, LAST_RESORT_ID],
        [undefined, 3],
        [2, LAST_RESORT_ID],
        [2, 3],
      ] as const) {
        const alice = new Device('A', provider);
        const bob = new Device('Q', provider);
        alice.start(bob, oneTimePrekeyId, kemPrekeyId);
        const first = alice.seal('hello');
        assert.equal(first.kind, 'prekey');
        const opened = bob.tryOpen(alice, first);
        assert.equal(opened.usedOneTimePrekeyId, oneTimePrekeyId);
        assert.equal(opened.usedKemPrekeyId, kemPrekeyId === LAST_RESORT_ID ? undefined : kemPrekeyId);
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

test('[E2EE-2] a bundle whose signed and KEM prekeys its identity did not sign is refused', () => {
  const [alice, bob, mallory] = ['A', 'Q', 'g'].map((letter) => new Device(letter)) as [Device, Device, Device];
  const input = { identity: alice.identity, local: alice.address, remote: bob.address };
  const bundle = bob.bundle(1);
  const forged = [
    { ...bundle, identityKey: mallory.identity.publicKey },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, id: 2 } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, publicKey: mallory.signedPrekey.publicKey } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, publicKey: new Uint8Array(0) } },
    { ...bundle, signedPrekey: { ...bundle.signedPrekey, signature: new Uint8Array(64) } },
    { ...bundle, kemPrekey: { ...bundle.kemPrekey, id: 2 } },
    { ...bundle, kemPrekey: { ...bundle.kemPrekey, publicKey: mallory.kemPrekeys.get(1)!.publicKey } },
    { ...bundle, kemPrekey: mallory.bundle(1).kemPrekey },
    { ...bundle, kemPrekey: { ...bundle.kemPrekey, publicKey: bundle.kemPrekey.publicKey.subarray(1) } },
    { ...bundle, kemPrekey: { ...bundle.kemPrekey, signature: new Uint8Array(64) } },
  ];
  for (const each of forged) {
    assert.throws(() => startSession(nativeProvider, { ...input, bundle: each }), refused('bad-signature'));
  }
  verifySignedPrekey(nativeProvider, bundle.identityKey, bundle.signedPrekey);
  // Bad keys that the identity did vouch for.
  const sign = (proof: Uint8Array) => nativeProvider.ed25519Sign(bob.identity.seed, proof);
  for (const publicKey of [
    new Uint8Array(32),
    new Uint8Array(32).fill(0xff),
    Uint8Array.of(9, ...new Uint8Array(30), 0x80),
  ]) {
    const signedPrekey = { id: 1, publicKey, signature: sign(prekeyProof(1, publicKey)) };
    for (const each of [
      { ...bundle, oneTimePrekey: { id: 1, publicKey } },
      { ...bundle, signedPrekey },
    ]) {
      assert.throws(() => startSession(nativeProvider, { ...input, bundle: each }), refused('bad-message'));
    }
  }
  const notReduced = new Uint8Array(1_568).fill(0xff);
  const kemPrekey = { id: 1, publicKey: notReduced, signature: sign(kemPrekeyProof(1, notReduced)) };
  assert.throws(
    () => startSession(nativeProvider, { ...input, bundle: { ...bundle, kemPrekey } }),
    refused('bad-message'),
  );
  const trustedIdentity = mallory.identity.publicKey;
  assert.throws(
    () => startSession(nativeProvider, { ...input, bundle, trustedIdentity }),
    refused('untrusted-identity'),
  );
});

test('[E2EE-15] the session depends on the KEM secret: whoever lacks it, or puts another prekey there, opens nothing', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob, 1);
  const sealed = alice.seal('for bob');
  const held = bob.kemPrekeys.get(1)!;
  bob.kemPrekeys.set(1, { ...bob.kemPrekeys.get(2)!, id: 1 });
  assert.throws(() => bob.tryOpen(alice, sealed), refused('bad-message'));
  bob.kemPrekeys.delete(1);
  assert.throws(() => bob.tryOpen(alice, sealed), refused('unknown-prekey'));
  bob.kemPrekeys.set(1, held);
  assert.equal(bob.open(alice, sealed), 'for bob');
  assert.equal(bob.kemPrekeys.has(1), false);
});

test('[E2EE-15] low-order and non-canonical keys in a handshake or a ratchet message are refused', () => {
  const alice = new Device('A');
  const bob = new Device('Q');
  alice.start(bob);
  const first = alice.seal('x');
  for (const key of [new Uint8Array(32), new Uint8Array(32).fill(0xff)]) {
    // Identity, ephemeral key, ratchet key.
    for (const at of [1, 33, PQXDH_HEADER_BYTES + 9]) {
      const ciphertext = new Uint8Array(first.ciphertext);
      ciphertext.set(key, at);
      assert.throws(() => bob.tryOpen(alice, { kind: 'prekey', ciphertext }), refused('bad-message'));
    }
  }
  assert.equal(bob.open(alice, first), 'x');
});

test('[E2EE-19] a first message without one-time prekeys opens once, even when its session is gone', () => {
  const bob = new Device('Q');
  const alice = new Device('A');
  alice.start(bob);
  const [first, second] = [alice.seal('pay'), alice.seal('twice')];
  assert.equal(bob.open(alice, first), 'pay');
  // Her new identity drops the sessions of the old one; a server delivers again what it kept.
  const reinstalled = new Device('A');
  reinstalled.start(bob);
  assert.equal(bob.open(reinstalled, reinstalled.seal('new phone')), 'new phone');
  const before = bob.record;
  for (const replay of [first, second]) assert.throws(() => bob.open(alice, replay), refused('duplicate-message'));
  assert.equal(bob.record, before);
  // Changing what does not matter to X25519 makes no other handshake of it.
  const ciphertext = new Uint8Array(first.ciphertext);
  ciphertext[64]! ^= 0x80;
  assert.throws(() => bob.open(alice, { ...first, ciphertext }), refused('bad-message'));
  for (let n = 0; n < ARCHIVED_SESSIONS_MAX + 2; n++) {
    reinstalled.start(bob);
    assert.equal(bob.open(reinstalled, reinstalled.seal(`${n}`)), `${n}`);
  }
  assert.throws(() => bob.open(alice, first), refused('duplicate-message'));
});

test('[E2EE-19] what used up a one-time prekey of either kind is not remembered: it cannot be opened again', () => {
  for (const [oneTimePrekeyId, kemPrekeyId] of [
    [1, LAST_RESORT_ID],
    [undefined, 1],
  ] as const) {
    const [alice, bob] = [new Device('A'), new Device('Q')];
    alice.start(bob, oneTimePrekeyId, kemPrekeyId);
    const sealed = alice.seal('once');
    bob.open(alice, sealed);
    assert.equal(bob.record?.repeatable.length, 0);
    bob.record = undefined;
    assert.throws(() => bob.open(alice, sealed), refused('unknown-prekey'));
  }
});

test('[E2EE-19] the memory of handshakes is bounded', () => {
  const [alice, bob] = [new Device('A'), new Device('Q')];
  alice.start(bob);
  bob.open(alice, alice.seal('x'));
  const digest = bob.record!.repeatable[0]!;
  bob.record = { ...bob.record!, repeatable: new Array(REPEATABLE_HANDSHAKES_MAX).fill(digest) };
  alice.start(bob);
  bob.open(alice, alice.seal('y'));
  assert.equal(bob.record.repeatable.length, REPEATABLE_HANDSHAKES_MAX);
  assert.notDeepEqual(bob.record.repeatable.at(-1), digest);
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

  const pair = talkingPair();
  const ratchet = pair.alice.seal('lost');
  pair.bob.record = undefined;
  assert.throws(() => pair.bob.tryOpen(pair.alice, ratchet), refused('no-session'));
});

test('[E2EE-4] thousands of messages, in turns, over every ratchet step', () => {
  const { alice, bob } = talkingPair();
  for (let n = 0; n < 1_000; n++) {
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

test('[E2EE-4] [E2EE-15] messages before the first answer open once each, whichever comes first and however often', () => {
  const prekeys = fc.constantFrom<[number | undefined, number]>(
    [undefined, LAST_RESORT_ID],
    [undefined, 1],
    [1, LAST_RESORT_ID],
    [1, 1],
  );
  const order = fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 25 });
  fc.assert(
    fc.property(prekeys, order, fc.boolean(), ([oneTimePrekeyId, kemPrekeyId], deliveries, restarts) => {
      const [alice, bob] = [new Device('A'), new Device('Q')];
      alice.start(bob, oneTimePrekeyId, kemPrekeyId);
      const sent = Array.from({ length: 5 }, (_, n) => ({ text: `${n}`, sealed: alice.seal(`${n}`) }));
      // Another session begun before the first was answered, as after a lost answer.
      if (restarts) alice.start(bob, 2, 2);
      for (let n = 5; n < 10; n++) sent.push({ text: `${n}`, sealed: alice.seal(`${n}`) });
      const opened = new Set<number>();
      for (const at of deliveries) {
        const { sealed, text } = sent[at]!;
        if (opened.has(at)) {
          const before = bob.record;
          assert.throws(() => bob.open(alice, sealed), refused('duplicate-message'));
          assert.equal(bob.record, before);
        } else {
          assert.equal(bob.open(alice, sealed), text);
          opened.add(at);
        }
      }
      assert.equal(alice.open(bob, bob.seal('answer')), 'answer');
      assert.equal(bob.open(alice, alice.seal('and on')), 'and on');
    }),
    { numRuns: 25 },
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
