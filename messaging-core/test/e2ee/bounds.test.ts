import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORWARD_JUMP_MAX, SKIPPED_KEYS_MAX } from '../../src/e2ee/chain.ts';
import { RECEIVING_CHAINS_MAX } from '../../src/e2ee/doubleRatchet.ts';
import { kdfChain } from '../../src/e2ee/kdf.ts';
import { type Device, refused, type Sealed, talkingPair } from './pair.ts';

/** As if so many more messages had been sealed, and lost. */
function lose(device: Device, count: number): void {
  const { current } = device.record!;
  let { chainKey, n } = current.ratchet.sending;
  for (let lost = 0; lost < count; lost++, n++) chainKey = kdfChain(device.provider, chainKey!).chainKey;
  const sending = { ...current.ratchet.sending, chainKey, n };
  device.record = { ...device.record!, current: { ...current, ratchet: { ...current.ratchet, sending } } };
}

const skippedKeys = (device: Device) =>
  device.record!.current.ratchet.receiving.reduce((sum, chain) => sum + chain.skipped.length, 0);

test('[E2EE-5] a message may lie 25,000 ahead and no more', () => {
  const { alice, bob } = talkingPair();
  bob.open(alice, alice.seal('the chain begins'));
  lose(alice, FORWARD_JUMP_MAX - SKIPPED_KEYS_MAX - 1);
  const tooOld = alice.seal('too old');
  const oldest = alice.seal('the oldest kept');
  lose(alice, SKIPPED_KEYS_MAX - 1);
  const atBound = alice.seal('at the bound');
  const beyond = alice.seal('beyond it');
  const before = bob.record;
  assert.throws(() => bob.tryOpen(alice, beyond), refused('too-far-ahead'));
  assert.equal(bob.record, before);
  assert.equal(bob.open(alice, atBound), 'at the bound');
  assert.equal(bob.open(alice, beyond), 'beyond it');

  assert.equal(skippedKeys(bob), SKIPPED_KEYS_MAX);
  assert.throws(() => bob.tryOpen(alice, tooOld), refused('duplicate-message'));
  assert.equal(bob.open(alice, oldest), 'the oldest kept');
});

test('[E2EE-5] skipped keys are bounded over all chains, the oldest going first', () => {
  const { alice, bob } = talkingPair();
  const rounds: Sealed[][] = [];
  for (let round = 0; round < 4; round++) {
    const first = alice.seal('lost');
    lose(alice, 398);
    rounds.push([first, alice.seal('lost'), alice.seal('lost')]);
    lose(alice, 199);
    bob.open(alice, alice.seal('x'));
    alice.open(bob, bob.seal('y'));
  }
  assert.equal(skippedKeys(bob), SKIPPED_KEYS_MAX);
  assert.throws(() => bob.tryOpen(alice, rounds[0]![1]!), refused('duplicate-message'));
  assert.equal(bob.open(alice, rounds[0]![2]!), 'lost');
  assert.equal(bob.open(alice, rounds[3]![0]!), 'lost');
});

test('[E2EE-5] receiving chains are bounded', () => {
  const { alice, bob } = talkingPair();
  const stragglers: Sealed[] = [];
  for (let turn = 0; turn < RECEIVING_CHAINS_MAX + 1; turn++) {
    stragglers.push(alice.seal('late'));
    bob.open(alice, alice.seal('x'));
    alice.open(bob, bob.seal('y'));
  }
  assert.equal(bob.record!.current.ratchet.receiving.length, RECEIVING_CHAINS_MAX);
  assert.throws(() => bob.tryOpen(alice, stragglers[0]!), refused('bad-message'));
  for (const sealed of stragglers.slice(1)) assert.equal(bob.open(alice, sealed), 'late');
});
