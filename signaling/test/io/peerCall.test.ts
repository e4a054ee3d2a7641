import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type AccountId, type CallId, CallMode, EndReason, ParticipantState, utf8 } from '@carillon/protocol';
import { acceptedInOneTrip, type Device, Harness, newId } from './harness.ts';

describe('a call between two', () => {
  const harness = new Harness();
  before(() => harness.start());
  after(() => harness.end());

  async function ringing(calleeDevices = 1) {
    const caller = await harness.device();
    const account = newId<AccountId>();
    const callees: Device[] = [];
    for (let id = 1; id <= calleeDevices; id++) callees.push(await harness.device(account, id));
    const callId = newId<CallId>();
    const state = await caller.want('state', {
      case: 'create',
      value: { callId, calleeAccountIds: [account], video: true },
    });
    assert.equal(state.mode, CallMode.PEER);
    assert.equal(state.participants[0]?.number, 1);
    assert.equal(state.participants[1]?.state, ParticipantState.INVITED);
    for (const callee of callees) await callee.want('state', { case: 'ring', value: { callId } });
    await caller.next('state', ({ participants }) => participants[1]?.state === ParticipantState.RINGING);
    return { caller, callees, callee: callees[0]!, callId };
  }

  it('[CALL-1] rings, is accepted once, and the account’s other devices hear of it', async () => {
    const { caller, callees, callId } = await ringing(3);
    const [first, second, third] = callees as [Device, Device, Device];
    const state = await second.want('state', { case: 'accept', value: { callId } });
    assert.deepEqual(
      state.participants.map(({ state, number }) => ({ state, number })),
      [
        { state: ParticipantState.JOINED, number: 1 },
        { state: ParticipantState.JOINED, number: 2 },
      ],
    );
    for (const other of [first, third]) {
      const ended = await other.next('ended');
      assert.equal(ended.reason, EndReason.ACCEPTED_ELSEWHERE);
    }
    const seen = await caller.next('state', ({ participants }) => participants[1]?.state === ParticipantState.JOINED);
    assert.equal(seen.participants[1]?.deviceId, 2);
    await assert.rejects(first.want('state', { case: 'accept', value: { callId } }), /answered-elsewhere/);
    await caller.want('done', { case: 'hangUp', value: { callId } });
    const ended = await second.next('ended');
    assert.equal(ended.reason, EndReason.HUNG_UP);
    assert.equal(ended.byAccountId, caller.accountId);
  });

  it('[CALL-75] is accepted, and the other devices fall silent within one trip', async () => {
    const { caller, callees, callId } = await ringing(5);
    await acceptedInOneTrip(callId, caller, callees[3]!, callees);
  });

  it('[CALL-2] keeps what is relayed to a device until it rings', async () => {
    const caller = await harness.device();
    const callee = await harness.device();
    const callId = newId<CallId>();
    await caller.want('state', { case: 'create', value: { callId, calleeAccountIds: [callee.accountId] } });
    for (const words of ['offer', 'candidate']) {
      await caller.want('done', { case: 'relay', value: { callId, to: callee.address, sealed: utf8(words) } });
    }
    await callee.want('state', { case: 'ring', value: { callId } });
    assert.deepEqual((await callee.next('relayed')).sealed, utf8('offer'));
    const second = await callee.next('relayed');
    assert.equal(second.seq, 2n);
    assert.equal(second.from?.accountId, caller.accountId);
    await callee.want('done', { case: 'relay', value: { callId, to: caller.address, sealed: utf8('answer') } });
    assert.deepEqual((await caller.next('relayed')).sealed, utf8('answer'));
  });

  it('tells the caller of a refusal, and the account’s other devices too', async () => {
    const { caller, callees, callId } = await ringing(2);
    await callees[0]!.want('done', { case: 'decline', value: { callId } });
    assert.equal((await caller.next('ended')).reason, EndReason.DECLINED);
    assert.equal((await callees[1]!.next('ended')).reason, EndReason.DECLINED_ELSEWHERE);
  });

  it('tells the caller of a busy line', async () => {
    const { caller, callee, callId } = await ringing();
    await callee.want('done', { case: 'decline', value: { callId, busy: true } });
    assert.equal((await caller.next('ended')).reason, EndReason.BUSY);
  });

  it('[CALL-4] cancels what rings when the caller hangs up, and says so to a device that wakes up late', async () => {
    const { caller, callees, callId } = await ringing(2);
    await caller.want('done', { case: 'hangUp', value: { callId } });
    for (const callee of callees) assert.equal((await callee.next('ended')).reason, EndReason.CANCELLED);
    const late = await harness.device(callees[0]!.accountId, 5);
    await assert.rejects(late.want('state', { case: 'ring', value: { callId } }), /call-unknown/);
    assert.equal((await late.next('ended')).reason, EndReason.CANCELLED);
  });
});
