import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CallEffect, type CallEvent, step, TRANSITIONS } from '../../../src/calls/core/callMachine.ts';
import { callWords } from '../../../src/calls/core/words.ts';
import type { CallPhase } from '../../../src/model.ts';
import {
  down,
  ended,
  FROM,
  failed,
  held,
  inRoom,
  joined,
  LATE,
  meIn,
  meLost,
  member,
  NOW,
  refused,
  sends,
  snapshot,
  up,
} from './phases.ts';

/** Every edge: from, event, to, and the effects by name. */
type Edge = [
  from: Exclude<CallPhase, 'ended'>,
  event: CallEvent | (() => CallEvent),
  to: CallPhase,
  effects: CallEffect['type'][],
  now?: number,
];
const over: CallEffect['type'][] = ['record', 'close'];
const overForCaller: CallEffect['type'][] = ['record', 'tell-missed', 'close'];
const EDGES: Edge[] = [
  ['starting', () => snapshot('peer', meIn, member('ana', 'invited')), 'ringing-out', []],
  ['starting', joined, 'connecting', ['open-peer']],
  ['starting', meLost, 'ended', overForCaller],
  ['starting', { type: 'socket', up: false }, 'starting', []],
  ['starting', sends(true), 'starting', []],
  ['starting', ended, 'ended', overForCaller],
  ['starting', refused, 'ended', overForCaller],
  ['starting', failed, 'ended', ['request-hang-up', ...overForCaller]],
  ['starting', { type: 'hang-up' }, 'ended', ['request-hang-up', ...overForCaller]],
  ['starting', { type: 'tick' }, 'starting', []],
  ['starting', { type: 'tick' }, 'ended', ['request-hang-up', ...overForCaller], LATE],
  ['ringing-out', () => snapshot('peer', meIn, member('ana', 'ringing')), 'ringing-out', []],
  ['ringing-out', joined, 'connecting', ['open-peer']],
  // Others are asked in while it rings: links of two are of no use.
  [
    'ringing-out',
    () => snapshot('room', meIn, member('ana', 'ringing'), member('bo', 'invited')),
    'ringing-out',
    ['close-peer', 'open-room', 'room-members'],
  ],
  ['ringing-out', meLost, 'ended', overForCaller],
  ['ringing-out', up(), 'ringing-out', []],
  ['ringing-out', down(), 'ringing-out', []],
  ['ringing-out', { type: 'socket', up: false }, 'ringing-out', []],
  ['ringing-out', sends(true), 'ringing-out', ['request-update']],
  ['ringing-out', sends(false), 'ringing-out', []],
  ['ringing-out', ended, 'ended', overForCaller],
  ['ringing-out', refused, 'ended', overForCaller],
  ['ringing-out', { type: 'forgotten' }, 'ended', overForCaller],
  ['ringing-out', failed, 'ended', ['request-hang-up', ...overForCaller]],
  ['ringing-out', { type: 'hang-up' }, 'ended', ['request-hang-up', ...overForCaller]],
  ['ringing-out', { type: 'tick' }, 'ringing-out', []],
  ['ringing-out', { type: 'tick' }, 'ended', ['request-hang-up', ...overForCaller], LATE],
  [
    'ringing-in',
    () => snapshot('peer', member('me', 'ringing'), member('ana', 'joined', 1, 3)),
    'ringing-in',
    ['preconnect'],
  ],
  ['ringing-in', () => snapshot('peer', member('me', 'ringing'), member('ana', 'joined', 1, 4)), 'ringing-in', []],
  [
    'ringing-in',
    () => snapshot('room', member('me', 'ringing'), member('ana', 'joined', 1, 3)),
    'ringing-in',
    ['close-peer'],
  ],
  ['ringing-in', { type: 'preconnected' }, 'ringing-in', []],
  // Told by the roster that another device of the account has answered: this one lost its socket meanwhile.
  [
    'ringing-in',
    () => snapshot('room', member('me', 'joined', 2, 7), member('ana', 'joined', 1, 3)),
    'ended',
    ['close'],
  ],
  ['ringing-in', () => snapshot('room', member('me', 'declined'), member('ana', 'joined', 1, 3)), 'ended', ['close']],
  ['ringing-in', () => snapshot('room', member('me', 'busy'), member('ana', 'joined', 1, 3)), 'ended', ['close']],
  ['ringing-in', () => snapshot('room', member('me', 'expired'), member('ana', 'joined', 1, 3)), 'ended', over],
  ['ringing-in', { type: 'accept' }, 'connecting', ['request-accept']],
  ['ringing-in', { type: 'decline', busy: false }, 'ended', ['request-decline', ...over]],
  ['ringing-in', { type: 'hang-up' }, 'ended', ['request-decline', ...over]],
  ['ringing-in', { type: 'socket', up: false }, 'ringing-in', []],
  ['ringing-in', sends(true), 'ringing-in', []],
  ['ringing-in', ended, 'ended', over],
  ['ringing-in', refused, 'ended', over],
  ['ringing-in', { type: 'forgotten' }, 'ended', over],
  ['ringing-in', { type: 'tick' }, 'ringing-in', []],
  ['ringing-in', { type: 'tick' }, 'ended', over, LATE],
  ['connecting', joined, 'connecting', []],
  ['connecting', meLost, 'ended', over],
  ['connecting', up(), 'active', []],
  ['connecting', up('room'), 'connecting', []],
  ['connecting', down(), 'connecting', []],
  ['connecting', { type: 'socket', up: false }, 'connecting', []],
  ['connecting', sends(true), 'connecting', ['request-update']],
  ['connecting', held, 'connecting', ['hold', 'request-update']],
  ['connecting', ended, 'ended', over],
  ['connecting', refused, 'ended', over],
  ['connecting', { type: 'forgotten' }, 'ended', over],
  ['connecting', failed, 'ended', ['request-hang-up', ...over]],
  ['connecting', { type: 'room-flows' }, 'connecting', []],
  ['connecting', { type: 'hang-up' }, 'ended', ['request-hang-up', ...over]],
  ['connecting', { type: 'tick' }, 'connecting', []],
  ['connecting', { type: 'tick' }, 'ended', ['request-hang-up', ...over], LATE],
  ['active', inRoom, 'active', ['open-room', 'room-members']],
  ['active', meLost, 'ended', over],
  ['active', up(), 'active', []],
  ['active', down(), 'reconnecting', []],
  ['active', { type: 'socket', up: false }, 'active', []],
  ['active', sends(true), 'active', ['request-update']],
  ['active', held, 'active', ['hold', 'request-update']],
  ['active', { type: 'hold', on: false }, 'active', []],
  ['active', ended, 'ended', over],
  ['active', { type: 'forgotten' }, 'active', []],
  ['active', failed, 'ended', ['request-hang-up', ...over]],
  ['active', { type: 'room-flows' }, 'active', []],
  ['active', { type: 'hang-up' }, 'ended', ['request-hang-up', ...over]],
  ['reconnecting', joined, 'reconnecting', []],
  ['reconnecting', meLost, 'ended', over],
  ['reconnecting', up(), 'active', []],
  ['reconnecting', up('room'), 'reconnecting', []],
  ['reconnecting', down(), 'reconnecting', []],
  ['reconnecting', { type: 'socket', up: false }, 'reconnecting', []],
  ['reconnecting', sends(true), 'reconnecting', ['request-update']],
  ['reconnecting', held, 'reconnecting', ['hold', 'request-update']],
  ['reconnecting', ended, 'ended', over],
  ['reconnecting', refused, 'ended', over],
  ['reconnecting', { type: 'forgotten' }, 'ended', over],
  ['reconnecting', failed, 'ended', ['request-hang-up', ...over]],
  ['reconnecting', { type: 'room-flows' }, 'reconnecting', []],
  ['reconnecting', { type: 'hang-up' }, 'ended', ['request-hang-up', ...over]],
  ['reconnecting', { type: 'tick' }, 'reconnecting', []],
  ['reconnecting', { type: 'tick' }, 'ended', ['request-hang-up', ...over], LATE],
];

const made = (event: Edge[1]): CallEvent => (typeof event === 'function' ? event() : event);

for (const [from, event, to, effects, now] of EDGES) {
  const start = FROM[from]();
  const { type } = made(event);
  test(`${from}: ${type} leads to ${to}${now ? ', late' : ''}`, () => {
    const next = step(start, made(event), now ?? NOW);
    assert.equal(next.call.phase, to);
    assert.deepEqual(
      next.effects.map((effect) => effect.type),
      effects,
    );
    assert.notEqual(
      callWords(next.call, (name) => name),
      '',
    );
  });
}

test('the edges above are all the table has, and the table has all of them', () => {
  const tested = new Set(EDGES.map(([from, event, to]) => `${from} ${made(event).type} ${to}`));
  // Reached by more than one event, in the tests below.
  tested.add('ringing-out snapshot active');
  for (const [from, row] of Object.entries(TRANSITIONS)) {
    for (const [type, transition] of Object.entries(row)) {
      for (const to of transition.to) assert.ok(tested.delete(`${from} ${type} ${to}`), `${from} ${type} ${to}`);
      tested.delete(`${from} ${type} ${from}`);
    }
  }
  assert.deepEqual([...tested], []);
});
