import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import {
  graceOver,
  type KeySchedule,
  type KeyStep,
  membersChanged,
  noSchedule,
} from '../../../src/calls/core/frameKeySchedule.ts';
import type { Joined } from '../../../src/calls/core/roster.ts';

const member = (name: string, number: number): Joined => ({
  device: { accountId: name as AccountId, deviceId: 1 as DeviceId },
  number,
});
const ana = member('ana', 2);
const bo = member('bo', 3);
const cy = member('cy', 4);
const types = ({ effects }: KeyStep) => effects.map(({ type }) => type);

function roomOf(...members: Joined[]): KeySchedule {
  return membersChanged(noSchedule, 1, members).schedule;
}

test('the first key is fresh and goes to everybody', () => {
  const first = membersChanged(noSchedule, 1, [ana, bo]);
  assert.deepEqual(first.effects, [{ type: 'fresh' }, { type: 'send', to: [ana, bo] }]);
  assert.deepEqual(types(membersChanged(noSchedule, 1, [])), ['fresh']);
});

test('the first to join an empty room is sent the key as it is: nobody was heard before', () => {
  assert.deepEqual(membersChanged(roomOf(), 1, [ana]).effects, [{ type: 'send', to: [ana] }]);
});

test('[SFRAME-20] on a join the key goes one step on, and only the joiner is sent it', () => {
  const next = membersChanged(roomOf(ana), 1, [ana, bo]);
  assert.deepEqual(next.effects, [{ type: 'ratchet' }, { type: 'send', to: [bo] }]);
  assert.equal(next.schedule.step, 1);
  assert.equal(next.schedule.generation, 0);
});

test('[SFRAME-21] on a leave a fresh key goes to those who stay, after the grace, once for several', () => {
  const left = membersChanged(roomOf(ana, bo, cy), 1, [ana, cy]);
  assert.deepEqual(left.effects, [{ type: 'forget', number: 3 }, { type: 'wait' }]);
  const more = membersChanged(left.schedule, 1, [ana]);
  assert.deepEqual(more.effects, [{ type: 'forget', number: 4 }]);
  const fresh = graceOver(more.schedule);
  assert.deepEqual(fresh.effects, [{ type: 'fresh' }, { type: 'send', to: [ana] }]);
  assert.equal(fresh.schedule.generation, 1);
  assert.equal(fresh.schedule.step, 0);
  assert.deepEqual(types(graceOver(fresh.schedule)), []);
});

test('who joins during the grace gets the present key, and the fresh one with the others', () => {
  const left = membersChanged(roomOf(ana, bo), 1, [ana]);
  const joined = membersChanged(left.schedule, 1, [ana, cy]);
  assert.deepEqual(joined.effects, [{ type: 'ratchet' }, { type: 'send', to: [cy] }]);
  assert.deepEqual(graceOver(joined.schedule).effects.at(-1), { type: 'send', to: [ana, cy] });
});

test('who comes back under a new number is a leave and a join', () => {
  const again = member('bo', 5);
  const next = membersChanged(roomOf(ana, bo), 1, [ana, again]);
  assert.deepEqual(types(next), ['forget', 'ratchet', 'send', 'wait']);
});

test('another device under the same number is somebody else', () => {
  const other = { ...bo, device: { ...bo.device, deviceId: 2 as DeviceId } };
  assert.deepEqual(types(membersChanged(roomOf(ana, bo), 1, [ana, other])), ['forget', 'ratchet', 'send', 'wait']);
});

test('a new number of our own begins a key of its own', () => {
  const next = membersChanged(roomOf(ana), 7, [ana]);
  assert.deepEqual(next.effects, [{ type: 'fresh' }, { type: 'send', to: [ana] }]);
});

test('before the step would repeat in the KID the key is fresh', () => {
  const spent = { ...roomOf(ana), step: 255 };
  const next = membersChanged(spent, 1, [ana, bo]);
  assert.deepEqual(next.effects, [{ type: 'fresh' }, { type: 'send', to: [ana, bo] }]);
  assert.deepEqual([next.schedule.generation, next.schedule.step], [1, 0]);
});
