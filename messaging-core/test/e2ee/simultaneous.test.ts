import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ARCHIVED_SESSIONS_MAX } from '../../src/e2ee/session.ts';
import { Device, talkingPair } from './pair.ts';

const tagOf = (device: Device) => Buffer.from(device.record!.current.tag).toString('hex');

test('[E2EE-7] two that start at once hear each other, and settle on one session', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.boolean(), (crossings, aliceSettles) => {
      const alice = new Device('A');
      const bob = new Device('Q');
      alice.start(bob, 1);
      bob.start(alice, 1);
      for (let n = 0; n < crossings; n++) {
        const [a, b] = [alice.seal(`a${n}`), bob.seal(`b${n}`)];
        assert.equal(bob.open(alice, a), `a${n}`);
        assert.equal(alice.open(bob, b), `b${n}`);
      }
      const [from, to] = aliceSettles ? [alice, bob] : [bob, alice];
      assert.equal(to.open(from, from.seal('no crossing')), 'no crossing');
      assert.equal(tagOf(alice), tagOf(bob));
      for (let n = 0; n < 10; n++) {
        const [next, other] = n % 2 ? [alice, bob] : [bob, alice];
        const sealed = next.seal('on');
        assert.equal(other.open(next, sealed), 'on');
        assert.equal(tagOf(alice), tagOf(bob));
      }
    }),
    { numRuns: 10 },
  );
});

test('[E2EE-7] messages of a session that was replaced still open', () => {
  const { alice, bob } = talkingPair();
  const straggler = alice.seal('before');
  alice.start(bob, 2);
  assert.equal(bob.open(alice, alice.seal('after')), 'after');
  assert.equal(bob.open(alice, straggler), 'before');
  assert.equal(alice.open(bob, bob.seal('answer')), 'answer');
  assert.equal(bob.open(alice, alice.seal('on')), 'on');
});

test('[E2EE-5] former sessions are bounded', () => {
  const { alice, bob } = talkingPair();
  const first = alice.seal('of the first session');
  for (let n = 0; n < ARCHIVED_SESSIONS_MAX + 5; n++) {
    alice.start(bob);
    bob.open(alice, alice.seal('again'));
  }
  assert.equal(alice.record?.archived.length, ARCHIVED_SESSIONS_MAX);
  assert.equal(bob.record?.archived.length, ARCHIVED_SESSIONS_MAX);
  assert.throws(() => bob.tryOpen(alice, first), { name: 'E2eeError', code: 'no-session' });
});

test('[E2EE-7] a peer that lost its sessions is heard when it starts anew', () => {
  const { alice, bob } = talkingPair();
  bob.record = undefined;
  bob.start(alice, 2);
  assert.equal(alice.open(bob, bob.seal('I lost everything')), 'I lost everything');
  const answer = alice.seal('never mind');
  assert.equal(bob.open(alice, answer), 'never mind');
});
