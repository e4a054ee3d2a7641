import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type CallId, EndReason } from '@carillon/protocol';
import { type Device, Harness, newId } from './harness.ts';

describe('two who call each other', () => {
  const harness = new Harness();
  before(() => harness.start());
  after(() => harness.end());

  const call = (from: Device, to: Device, callId: CallId) =>
    from.want('state', { case: 'create', value: { callId, calleeAccountIds: [to.accountId] } });

  for (const order of ['the winner first', 'the loser first']) {
    it(`[CALL-15] end up in the call with the lower id: ${order}`, async () => {
      const [alice, bob] = [await harness.device(), await harness.device()];
      const [lower, higher] = [newId<CallId>(), newId<CallId>()].sort() as [CallId, CallId];
      if (order === 'the winner first') {
        await call(alice, bob, lower);
        await call(bob, alice, higher);
      } else {
        await call(bob, alice, higher);
        await alice.want('state', { case: 'ring', value: { callId: higher } });
        await call(alice, bob, lower);
        assert.equal((await alice.next('ended')).callId, higher);
      }
      const ended = await bob.next('ended');
      assert.deepEqual([ended.callId, ended.reason, ended.byAccountId], [higher, EndReason.CANCELLED, alice.accountId]);
      const state = await bob.want('state', { case: 'accept', value: { callId: lower } });
      assert.deepEqual(
        state.participants.map(({ number }) => number),
        [1, 2],
      );
    });
  }

  it('do not collide once one has been answered', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const second = await harness.device(bob.accountId, 2);
    const [answered, another] = [newId<CallId>(), newId<CallId>()];
    await call(alice, bob, answered);
    await bob.want('state', { case: 'accept', value: { callId: answered } });
    await call(second, alice, another);
    await bob.want('state', { case: 'attach', value: { callId: answered } });
    await second.want('state', { case: 'attach', value: { callId: another } });
  });

  it('[CALL-16] a call replaces the one its device is in with the same person', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const [first, second] = [newId<CallId>(), newId<CallId>()];
    await call(alice, bob, first);
    await bob.want('state', { case: 'accept', value: { callId: first } });
    await call(bob, alice, second);
    const ended = await alice.next('ended');
    assert.deepEqual([ended.callId, ended.reason], [first, EndReason.HUNG_UP]);
    await alice.want('state', { case: 'accept', value: { callId: second } });
  });

  it('[CALL-16] a second call from the same device to the same person replaces the first', async () => {
    const [alice, bob] = [await harness.device(), await harness.device()];
    const [first, second] = [newId<CallId>(), newId<CallId>()];
    await call(alice, bob, first);
    await bob.want('state', { case: 'ring', value: { callId: first } });
    await call(alice, bob, second);
    const ended = await bob.next('ended');
    assert.deepEqual([ended.callId, ended.reason], [first, EndReason.CANCELLED]);
    await bob.want('state', { case: 'accept', value: { callId: second } });
  });
});
