import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallId, LIMITS } from '@carillon/protocol';
import {
  type Call,
  type CallEvent,
  deadlineOf,
  lostByGlare,
  MEDIA_LOST_MS,
  outgoingCall,
  RING_GRACE_MS,
  resumedCall,
  STARTING_MS,
  step,
} from '../../../src/calls/core/callMachine.ts';
import type { Snapshot } from '../../../src/calls/core/roster.ts';
import { callWords } from '../../../src/calls/core/words.ts';
import {
  account,
  active,
  connecting,
  device,
  down,
  ended,
  held,
  incoming,
  init,
  inRoom,
  joined,
  LATE,
  meIn,
  member,
  NOW,
  outgoing,
  reconnecting,
  ringing,
  run,
  snapshot,
  up,
} from './phases.ts';

const rungBy = (id = 3) => snapshot('peer', member('me', 'ringing'), member('ana', 'joined', 1, id));

test('[CALL-34] a ringing device connects to the device that called, once, and says once that it is', () => {
  const asked = run(incoming(), [rungBy()]);
  assert.deepEqual(asked.effects, [{ type: 'preconnect', device: device('ana', 3) }]);
  const told = run(asked.call, [{ type: 'preconnected' }, { type: 'preconnected' }, rungBy()]);
  assert.deepEqual(told.effects, [{ type: 'request-preconnect' }]);
  assert.equal(told.call.phase, 'ringing-in');
  // It is no link of the call: what it does before the accept is granted moves nothing.
  assert.deepEqual(told.call.links, {});
  const accepted = run(told.call, [{ type: 'accept' }, up()]);
  assert.equal(accepted.call.phase, 'connecting');
  const granted = run(accepted.call, [snapshot('peer', meIn, member('ana', 'joined', 2, 3))]);
  assert.deepEqual(granted.effects, [{ type: 'open-peer', device: device('ana', 3) }]);
});

test('[CALL-34] no device but the one of the invite is connected to, and none for a group call', () => {
  assert.deepEqual(run(incoming(), [rungBy(4)]).effects, []);
  const group = run(incoming(), [snapshot('room', member('me', 'ringing'), member('ana', 'joined', 1, 3))]);
  assert.ok(group.effects.every(({ type }) => type !== 'preconnect'));
});

test('[CALL-51] whoever holds is told so in words, and so is the other', () => {
  const wordsOf = (call: Call) => callWords(call, (name) => name);
  const roster = (mine: boolean, theirs: boolean) =>
    snapshot('peer', { ...meIn, held: mine }, { ...member('ana', 'joined', 2, 3), held: theirs });
  const mine = run(active(), [held]);
  assert.deepEqual(mine.effects, [
    { type: 'hold', on: true },
    { type: 'request-update', video: false, held: true },
  ]);
  assert.equal(wordsOf(mine.call), 'On hold');
  const both = run(mine.call, [roster(true, true)]);
  assert.equal(wordsOf(both.call), 'On hold, also by ana');
  const theirs = run(active(), [roster(false, true)]);
  assert.equal(wordsOf(theirs.call), 'ana put the call on hold');
  assert.deepEqual(theirs.effects, [{ type: 'mute-peer', on: true }]);
  const back = run(theirs.call, [roster(false, false)]);
  assert.deepEqual(back.effects, [{ type: 'mute-peer', on: false }]);
  assert.equal(wordsOf(back.call), 'In a call with ana');
  const three = run(active(), [
    snapshot('room', meIn, { ...member('ana', 'joined', 2, 3), held: true }, member('bo', 'joined', 3)),
  ]);
  assert.equal(wordsOf(three.call), 'In a call with bo; ana put it on hold');
});

test('[CALL-51] what the roster shows of this device is what it sends, also when an update was lost', () => {
  const call = active();
  const wrong = snapshot('peer', { ...meIn, video: true, held: true }, member('ana', 'joined', 2, 3));
  assert.deepEqual(run(call, [wrong]).effects, [{ type: 'request-update', video: false, held: false }]);
  // Not another device's place.
  const elsewhere = snapshot('room', { ...member('me', 'joined', 1, 9), held: true }, member('ana', 'joined', 2, 3));
  assert.ok(run(call, [elsewhere]).effects.every(({ type }) => type !== 'request-update'));
});

test('[CALL-53] media that is lost is said, and ends the call after its bound', () => {
  const lost = reconnecting();
  assert.equal(
    callWords(lost, (name) => name),
    'Reconnecting to ana…',
  );
  assert.equal(step(lost, { type: 'tick' }, NOW + MEDIA_LOST_MS - 1).call.phase, 'reconnecting');
  const over = step(lost, { type: 'tick' }, NOW + MEDIA_LOST_MS).call;
  assert.ok(over.phase === 'ended' && over.reason === 'connection-lost');
});

test('what the table does not name is ignored', () => {
  const call = active();
  assert.equal(step(call, { type: 'accept' }, NOW).call, call);
  const over = step(call, ended, NOW).call;
  assert.equal(step(over, joined(), NOW).call, over);
});

test('an older or repeated snapshot, or one of another call, is ignored', () => {
  const call = active();
  const old: Snapshot = { ...inRoom().snapshot, revision: call.revision };
  assert.equal(step(call, { type: 'snapshot', snapshot: old }, NOW).call, call);
  const other: Snapshot = { ...inRoom().snapshot, callId: 'other' as CallId };
  assert.equal(step(call, { type: 'snapshot', snapshot: other }, NOW).call, call);
});

test('deadlines: each phase that waits has one', () => {
  assert.equal(deadlineOf(outgoing()), NOW + STARTING_MS);
  assert.equal(deadlineOf(ringing()), NOW + LIMITS.ringMs + RING_GRACE_MS);
  assert.equal(deadlineOf(incoming()), NOW + LIMITS.ringMs + RING_GRACE_MS);
  assert.equal(deadlineOf(connecting()), NOW + MEDIA_LOST_MS);
  assert.equal(deadlineOf(reconnecting()), NOW + MEDIA_LOST_MS);
  assert.equal(deadlineOf(active()), undefined);
});

test('the peer is exactly the device that joined', () => {
  const { effects } = run(ringing(), [joined()]);
  assert.deepEqual(effects, [{ type: 'open-peer', device: device('ana', 3) }]);
});

test('a call of two becomes a group: peer to peer goes on until the room is heard', () => {
  const moving = run(active(), [inRoom()]).call;
  assert.deepEqual(moving.links, { peer: true, room: false });
  // Either link keeps the call alive.
  const onPeer = run(moving, [up('room'), down('room')]).call;
  assert.equal(onPeer.phase, 'active');
  const moved = run(moving, [up('room'), { type: 'room-flows' }]);
  assert.deepEqual(moved.effects, [{ type: 'close-peer' }]);
  assert.deepEqual(moved.call.links, { room: true });
  assert.equal(run(moved.call, [down('room')]).call.phase, 'reconnecting');
});

test('the creator of a group is in its room before anyone else', () => {
  const group = outgoingCall({ ...init, group: true }, [account('ana'), account('bo')], NOW);
  const alone = run(group, [snapshot('room', meIn, member('ana', 'ringing'), member('bo', 'invited')), up('room')]);
  assert.equal(alone.call.phase, 'ringing-out');
  assert.deepEqual(
    alone.effects.map(({ type }) => type),
    ['open-room', 'room-members'],
  );
  assert.equal(
    callWords(alone.call, (name) => name),
    'Ringing ana…',
  );
  const first = run(alone.call, [snapshot('room', meIn, member('ana', 'joined', 2), member('bo', 'ringing'))]);
  assert.equal(first.call.phase, 'active');
});

test('a forgotten call that has media goes on until the media is lost', () => {
  const call = run(active(), [{ type: 'forgotten' }]).call;
  assert.equal(call.phase, 'active');
  assert.equal(call.forgotten, true);
  assert.equal(run(call, [down()]).call.phase, 'reconnecting');
});

test('a resumed call opens its link by the next snapshot and counts from its first connection', () => {
  const resumed = resumedCall(init, true, account('me'), NOW - 60_000, NOW);
  const back = run(resumed, [joined(), up()]);
  assert.deepEqual(back.effects, [{ type: 'open-peer', device: device('ana', 3) }]);
  assert.ok(back.call.phase === 'active' && back.call.connectedAtMs === NOW - 60_000);
  const { effects } = run(back.call, [{ type: 'hang-up' }]);
  assert.deepEqual(
    effects.find(({ type }) => type === 'record'),
    { type: 'record', outcome: 'completed', durationMs: 60_000 },
  );
});

test('only those who never answered are told of a missed call', () => {
  const group = outgoingCall({ ...init, group: true }, [account('ana'), account('bo'), account('cy')], NOW);
  const roster = snapshot('room', meIn, member('ana', 'expired'), member('bo', 'declined'), member('cy', 'left', 2));
  const { effects } = run(group, [roster, { type: 'ended', reason: 'expired', by: undefined }]);
  assert.deepEqual(
    effects.find(({ type }) => type === 'tell-missed'),
    { type: 'tell-missed', accounts: ['ana'] },
  );
});

test('[CALL-22] signaling chooses neither whom a ring is from nor who is answered unasked', () => {
  const ringing = run(incoming(), [snapshot('peer', member('eve', 'joined', 1), member('me', 'ringing'))]).call;
  assert.equal(ringing.createdBy, account('ana'));
  const byEve = run(outgoing(), [{ type: 'ended', reason: 'cancelled', by: account('eve') }]);
  assert.equal(lostByGlare(byEve.call, 'cancelled', account('eve')), false);
  assert.equal(lostByGlare(byEve.call, 'cancelled', account('ana')), true);
  assert.ok(byEve.effects.some(({ type }) => type === 'record'));
});

test('[CALL-22] a roster that gives two people one number, or one person twice, is not followed', () => {
  const before = run(outgoing(), [inRoom()]).call;
  const bad = [
    [member('ana', 'joined', 2, 3), member('eve', 'joined', 2)],
    [member('ana', 'left', 2), member('eve', 'joined', 2)],
    [member('ana', 'joined', 2, 3), member('ana', 'joined', 3)],
  ];
  for (const others of bad) assert.equal(run(before, [snapshot('room', meIn, ...others)]).call, before);
});

test('a call lost by glare leaves no trace; one answered elsewhere neither', () => {
  const glare = run(ringing(), [{ type: 'ended', reason: 'cancelled', by: account('ana') }]);
  assert.deepEqual(glare.effects, [{ type: 'close' }]);
  const elsewhere = run(incoming(), [{ type: 'ended', reason: 'accepted-elsewhere', by: account('me') }]);
  assert.deepEqual(elsewhere.effects, [{ type: 'close' }]);
});

test('words at the end say who did what', () => {
  const wordsAfter = (call: Call, event: CallEvent, now = NOW) =>
    callWords(run(call, [event], now).call, (name) => name);
  const end = (reason: 'declined' | 'busy' | 'expired' | 'cancelled' | 'connection-lost', by?: string): CallEvent => ({
    type: 'ended',
    reason,
    by: by === undefined ? undefined : account(by),
  });
  assert.equal(wordsAfter(ringing(), end('declined', 'ana')), 'ana declined the call');
  assert.equal(wordsAfter(ringing(), end('busy', 'ana')), 'ana is in another call');
  assert.equal(wordsAfter(ringing(), end('expired')), 'No answer');
  assert.equal(wordsAfter(ringing(), { type: 'hang-up' }), 'You cancelled the call');
  assert.equal(wordsAfter(incoming(), end('cancelled', 'ana')), 'Missed call from ana');
  assert.equal(wordsAfter(incoming(), end('expired')), 'Missed call from ana');
  assert.equal(wordsAfter(incoming(), { type: 'decline', busy: false }), 'You declined the call');
  assert.equal(wordsAfter(active(), end('connection-lost')), 'The call ended: the connection was lost');
  assert.equal(
    wordsAfter(connecting(), { type: 'tick' }, LATE),
    'The call could not be connected: no way through the network was found.',
  );
});

test('[CALL-62] taken for lost in a call that goes on without it, it ends it in words, and says nothing to signaling', () => {
  const before = active();
  const meLost = snapshot('room', member('me', 'left', 1), member('ana', 'joined', 2, 3), member('bo', 'joined', 3));
  const { call, effects } = run(before, [meLost]);
  assert.ok(call.phase === 'ended' && call.reason === 'connection-lost');
  assert.deepEqual(
    effects.map(({ type }) => type),
    ['record', 'close'],
  );
  assert.equal(
    callWords(call, (name) => name),
    'The call ended: the connection was lost',
  );
});

test('[CALL-62] whose accept is still on its way is not in yet, and goes on', () => {
  const accepted = run(incoming(), [{ type: 'accept' }]).call;
  assert.equal(run(accepted, [rungBy()]).call.phase, 'connecting');
});
