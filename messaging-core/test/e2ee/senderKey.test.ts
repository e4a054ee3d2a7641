import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GroupId } from '@carillon/protocol';
import fc from 'fast-check';
import { FORWARD_JUMP_MAX, SKIPPED_KEYS_MAX } from '../../src/e2ee/chain.ts';
import {
  acceptDistribution,
  createSenderChain,
  distributionOf,
  E2eeError,
  isSenderChainSpent,
  nobleProvider,
  SENDER_CHAIN_AGE_MAX_MS,
  SENDER_CHAIN_MESSAGES_MAX,
  type SenderChain,
  type SenderKeyContext,
  type SenderKeyStates,
  senderKeyDecrypt,
  senderKeyEncrypt,
} from '../../src/e2ee/index.ts';
import { kdfChain } from '../../src/e2ee/kdf.ts';
import { nativeProvider } from '../../src/e2ee/native.ts';
import { SENDER_CHAINS_MAX } from '../../src/e2ee/senderKey.ts';
import { addressOf, refused } from './pair.ts';

type Bytes = Uint8Array<ArrayBuffer>;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const context: SenderKeyContext = { groupId: `g${'A'.repeat(22)}` as GroupId, sender: addressOf('A') };

/** A sender and what it says; `provider` native unless told. */
class Author {
  readonly provider;
  chain: SenderChain;

  constructor(provider = nativeProvider) {
    this.provider = provider;
    this.chain = createSenderChain(provider);
  }

  say(words: string): Bytes {
    const { chain, message } = senderKeyEncrypt(this.provider, this.chain, context, new TextEncoder().encode(words));
    this.chain = chain;
    return message;
  }

  /** As if so many more had been said, and lost. */
  lose(count: number): void {
    let { chainKey, iteration } = this.chain;
    for (let lost = 0; lost < count; lost++, iteration++) chainKey = kdfChain(this.provider, chainKey).chainKey;
    this.chain = { ...this.chain, chainKey, iteration };
  }
}

class Reader {
  readonly provider;
  states: SenderKeyStates = [];

  constructor(provider = nativeProvider) {
    this.provider = provider;
  }

  take(author: Author): void {
    this.states = acceptDistribution(this.states, structuredClone(distributionOf(author.chain)));
  }

  read(message: Uint8Array, from = context): string {
    const opened = senderKeyDecrypt(this.provider, this.states, from, message);
    this.states = opened.states;
    return text(opened.plaintext);
  }
}

function pair(provider = nativeProvider): { author: Author; reader: Reader } {
  const [author, reader] = [new Author(provider), new Reader(provider)];
  reader.take(author);
  return { author, reader };
}

for (const [name, provider] of Object.entries({ noble: nobleProvider, native: nativeProvider })) {
  describe(`sender keys on the ${name} provider`, () => {
    test('[E2EE-16] one message opens for every device that has the chain, from there on', () => {
      const { author, reader } = pair(provider);
      assert.equal(reader.read(author.say('one')), 'one');
      const late = new Reader(provider);
      const before = author.say('two');
      late.take(author);
      const after = author.say('three');
      assert.equal(reader.read(before), 'two');
      assert.throws(() => late.read(before), refused('duplicate-message'));
      for (const each of [reader, late]) assert.equal(each.read(after), 'three');
    });
  });
}

test('[E2EE-16] both providers read each other', () => {
  for (const [mine, theirs] of [
    [nobleProvider, nativeProvider],
    [nativeProvider, nobleProvider],
  ] as const) {
    const [author, reader] = [new Author(mine), new Reader(theirs)];
    reader.take(author);
    assert.equal(reader.read(author.say('hello')), 'hello');
  }
});

test('[E2EE-16] whoever has no chain of the sender is told so', () => {
  const { author, reader } = pair();
  assert.throws(() => new Reader().read(author.say('x')), refused('no-sender-key'));
  author.chain = createSenderChain(nativeProvider);
  assert.throws(() => reader.read(author.say('x')), refused('no-sender-key'));
  reader.take(author);
  assert.equal(reader.read(author.say('y')), 'y');
});

test('[E2EE-17] any changed bit is refused and changes no state', () => {
  const { author, reader } = pair();
  const message = author.say('untouched');
  const before = structuredClone(reader.states);
  for (let bit = 0; bit < message.length * 8; bit++) {
    const changed = new Uint8Array(message);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => reader.read(changed), E2eeError, `bit ${bit}`);
  }
  assert.deepEqual(reader.states, before);
  for (let length = 0; length < message.length; length++) {
    assert.throws(() => reader.read(message.subarray(0, length)), refused('bad-message'));
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      assert.throws(() => reader.read(new Uint8Array([...message.subarray(0, 17), ...bytes])), E2eeError);
    }),
  );
  assert.equal(reader.read(message), 'untouched');
});

test('[E2EE-17] a message is bound to its group and its sender', () => {
  const { author, reader } = pair();
  const message = author.say('for this group');
  for (const other of [
    { ...context, groupId: `g${'Q'.repeat(22)}` as GroupId },
    { ...context, sender: addressOf('A', 2) },
    { ...context, sender: addressOf('Q') },
  ])
    assert.throws(() => reader.read(message, other), refused('bad-message'));
  assert.equal(reader.read(message), 'for this group');
});

test('[E2EE-17] a member that has the chain cannot speak for its sender', () => {
  const { author, reader } = pair();
  const mallory = new Author();
  mallory.chain = { ...author.chain, signing: mallory.chain.signing };
  assert.throws(() => reader.read(mallory.say('I am the sender')), refused('bad-message'));
});

test('[E2EE-18] messages open once each, in whatever order, whichever are lost', () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ lose: fc.boolean(), deliver: fc.array(fc.nat({ max: 50 }), { maxLength: 3 }) }), {
        minLength: 5,
        maxLength: 60,
      }),
      (steps) => {
        const { author, reader } = pair();
        const underWay: { words: string; message: Bytes }[] = [];
        const done: Bytes[] = [];
        const deliver = (at: number) => {
          const [next] = underWay.splice(at % underWay.length, 1);
          assert.equal(reader.read(next!.message), next!.words);
          done.push(next!.message);
        };
        for (const [n, step] of steps.entries()) {
          const message = author.say(`${n}`);
          if (!step.lose) underWay.push({ words: `${n}`, message });
          for (const at of step.deliver) if (underWay.length > 0) deliver(at);
        }
        while (underWay.length > 0) deliver(underWay.length - 1);
        const before = reader.states;
        for (const message of done) assert.throws(() => reader.read(message), refused('duplicate-message'));
        assert.equal(reader.states, before);
      },
    ),
    { numRuns: 40 },
  );
});

test('[E2EE-18] a chain that comes again does not go back, and keeps its signing key', () => {
  const { author, reader } = pair();
  const first = distributionOf(author.chain);
  const message = author.say('once');
  assert.equal(reader.read(message), 'once');
  reader.states = acceptDistribution(reader.states, first);
  assert.throws(() => reader.read(message), refused('duplicate-message'));
  const { publicKey } = new Author().chain.signing;
  const moved = { ...first, signingKey: publicKey };
  assert.throws(() => acceptDistribution(reader.states, moved), refused('bad-message'));
});

test('[E2EE-18] a malformed distribution is refused, small-order signing keys among them', () => {
  const good = distributionOf(createSenderChain(nativeProvider));
  for (const bad of [
    { ...good, chainId: new Uint8Array(15) },
    { ...good, chainKey: new Uint8Array(31) },
    { ...good, signingKey: new Uint8Array(31) },
    { ...good, signingKey: new Uint8Array(32) },
    { ...good, signingKey: new Uint8Array(32).fill(0xff) },
    { ...good, iteration: -1 },
    { ...good, iteration: 0.5 },
    { ...good, iteration: 2 ** 32 },
  ])
    assert.throws(() => acceptDistribution([], bad), refused('bad-message'));
});

test('[E2EE-18] a message may lie 25,000 ahead; 2,000 skipped keys and 5 chains are kept', () => {
  const { author, reader } = pair();
  author.lose(FORWARD_JUMP_MAX - SKIPPED_KEYS_MAX - 1);
  const tooOld = author.say('too old');
  const oldest = author.say('the oldest kept');
  author.lose(SKIPPED_KEYS_MAX - 1);
  const atBound = author.say('at the bound');
  const beyond = author.say('beyond it');
  const before = reader.states;
  assert.throws(() => reader.read(beyond), refused('too-far-ahead'));
  assert.equal(reader.states, before);
  assert.equal(reader.read(atBound), 'at the bound');
  assert.equal(reader.states[0]!.skipped.length, SKIPPED_KEYS_MAX);
  assert.throws(() => reader.read(tooOld), refused('duplicate-message'));
  assert.equal(reader.read(oldest), 'the oldest kept');
  author.lose(10);
  const next = author.say('skipped keys over two jumps');
  assert.equal(reader.read(next), 'skipped keys over two jumps');
  assert.equal(reader.states[0]!.skipped.length, SKIPPED_KEYS_MAX);

  const straggler = author.say('of the first chain');
  const later: Bytes[] = [];
  for (let n = 1; n < SENDER_CHAINS_MAX; n++) {
    author.chain = createSenderChain(nativeProvider);
    reader.take(author);
    later.push(author.say(`chain ${n}`));
  }
  assert.equal(reader.read(straggler), 'of the first chain');
  const lost = straggler;
  author.chain = createSenderChain(nativeProvider);
  reader.take(author);
  assert.equal(reader.states.length, SENDER_CHAINS_MAX);
  assert.throws(() => reader.read(lost), refused('no-sender-key'));
  assert.deepEqual(
    later.map((message) => reader.read(message)),
    later.map((_, n) => `chain ${n + 1}`),
  );
});

test('[E2EE-18] a chain is spent after 1,000 messages or 7 days', () => {
  const author = new Author();
  assert.equal(isSenderChainSpent(author.chain, 0), false);
  assert.equal(isSenderChainSpent(author.chain, SENDER_CHAIN_AGE_MAX_MS - 1), false);
  assert.equal(isSenderChainSpent(author.chain, SENDER_CHAIN_AGE_MAX_MS), true);
  author.lose(SENDER_CHAIN_MESSAGES_MAX - 1);
  assert.equal(isSenderChainSpent(author.chain, 0), false);
  author.say('the last');
  assert.equal(isSenderChainSpent(author.chain, 0), true);
});

test('states and chains are plain data and never changed', () => {
  const { author, reader } = pair();
  const kept = { chain: author.chain, states: reader.states };
  const before = structuredClone(kept);
  const skipped = author.say('skipped');
  reader.read(author.say('read'));
  const states = structuredClone(reader.states);
  const stored = reader.states;
  assert.equal(reader.read(skipped), 'skipped');
  assert.deepEqual(kept, before);
  assert.deepEqual(stored, states);
});
