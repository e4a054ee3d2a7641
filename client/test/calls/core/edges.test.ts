import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Call, type CallEffect, type CallEvent, step, TRANSITIONS } from '../../../src/calls/core/callMachine.ts';
import { callWords } from '../../../src/calls/core/words.ts';
import type { CallEndReason, CallPhase } from '../../../src/model.ts';
import {
  active,
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

type LivePhase = Exclude<CallPhase, 'ended'>;
/** Every edge: from, event, to, or the end and its reason, and the effects by name. */
type Edge = [
  from: LivePhase,
  event: CallEvent | (() => CallEvent),
  to: LivePhase | `ended: ${CallEndReason}`,
  effects: CallEffect['type'][],
  now?: number,
];
const over: CallEffect['type'][] = ['record', 'close'];
const overForCaller: CallEffect['type'][] = ['record', 'tell-missed', 'close'];
const EDGES: Edge[] = [
  ['starting', () => snapshot('peer', meIn, member('ana', 'invited')), 'ringing-out', []],
  ['starting', joined, 'connecting', ['open-peer']],
  ['starting', meLost, 'ended: connection-lost', overForCaller],
  ['starting', { type: 'socket', up: false }, 'starting', []],
  ['starting', sends(true), 'starting', []],
  ['starting', ended, 'ended: hung-up', overForCaller],
  ['starting', refused, 'ended: failed', overForCaller],
  ['starting', failed, 'ended: failed', ['request-hang-up', ...overForCaller]],
  ['starting', { type: 'hang-up' }, 'ended: cancelled', ['request-hang-up', ...overForCaller]],
  ['starting', { type: 'tick' }, 'starting', []],
  ['starting', { type: 'tick' }, 'ended: failed', ['request-hang-up', ...overForCaller], LATE],
  ['ringing-out', () => snapshot('peer', meIn, member('ana', 'ringing')), 'ringing-out', []],
  ['ringing-out', joined, 'connecting', ['open-peer']],
  // Others are asked in while it rings: links of two are of no use.
  [
    'ringing-out',
    () => snapshot('room', meIn, member('ana', 'ringing'), member('bo', 'invited')),
    'ringing-out',
    ['close-peer', 'open-room', 'room-members'],
  ],
  ['ringing-out', meLost, 'ended: connection-lost', overForCaller],
  ['ringing-out', up(), 'ringing-out', []],
  ['ringing-out', down(), 'ringing-out', []],
  ['ringing-out', { type: 'socket', up: false }, 'ringing-out', []],
  ['ringing-out', sends(true), 'ringing-out', ['request-update']],
  ['ringing-out', sends(false), 'ringing-out', []],
  ['ringing-out', ended, 'ended: hung-up', overForCaller],
  ['ringing-out', refused, 'ended: failed', overForCaller],
  ['ringing-out', { type: 'forgotten' }, 'ended: connection-lost', overForCaller],
  ['ringing-out', failed, 'ended: failed', ['request-hang-up', ...overForCaller]],
  ['ringing-out', { type: 'hang-up' }, 'ended: cancelled', ['request-hang-up', ...overForCaller]],
  ['ringing-out', { type: 'tick' }, 'ringing-out', []],
  ['ringing-out', { type: 'tick' }, 'ended: expired', ['request-hang-up', ...overForCaller], LATE],
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
    'ended: accepted-elsewhere',
    ['close'],
  ],
  [
    'ringing-in',
    () => snapshot('room', member('me', 'declined'), member('ana', 'joined', 1, 3)),
    'ended: declined-elsewhere',
    ['close'],
  ],
  [
    'ringing-in',
    () => snapshot('room', member('me', 'busy'), member('ana', 'joined', 1, 3)),
    'ended: busy-elsewhere',
    ['close'],
  ],
  [
    'ringing-in',
    () => snapshot('room', member('me', 'expired'), member('ana', 'joined', 1, 3)),
    'ended: expired',
    over,
  ],
  ['ringing-in', { type: 'accept' }, 'connecting', ['request-accept']],
  ['ringing-in', { type: 'decline', busy: false }, 'ended: declined', ['request-decline', ...over]],
  ['ringing-in', { type: 'decline', busy: true }, 'ended: busy', ['request-decline', ...over]],
  ['ringing-in', { type: 'hang-up' }, 'ended: declined', ['request-decline', ...over]],
  ['ringing-in', { type: 'socket', up: false }, 'ringing-in', []],
  ['ringing-in', sends(true), 'ringing-in', []],
  ['ringing-in', ended, 'ended: hung-up', over],
  ['ringing-in', refused, 'ended: failed', over],
  ['ringing-in', { type: 'forgotten' }, 'ended: cancelled', over],
  ['ringing-in', { type: 'tick' }, 'ringing-in', []],
  ['ringing-in', { type: 'tick' }, 'ended: expired', over, LATE],
  ['connecting', joined, 'connecting', []],
  ['connecting', meLost, 'ended: connection-lost', over],
  ['connecting', up(), 'active', []],
  ['connecting', up('room'), 'connecting', []],
  ['connecting', down(), 'connecting', []],
  ['connecting', { type: 'socket', up: false }, 'connecting', []],
  ['connecting', sends(true), 'connecting', ['request-update']],
  ['connecting', held, 'connecting', ['hold', 'request-update']],
  ['connecting', ended, 'ended: hung-up', over],
  ['connecting', refused, 'ended: failed', over],
  ['connecting', { type: 'forgotten' }, 'ended: failed', over],
  ['connecting', failed, 'ended: failed', ['request-hang-up', ...over]],
  ['connecting', { type: 'room-flows' }, 'connecting', []],
  ['connecting', { type: 'hang-up' }, 'ended: hung-up', ['request-hang-up', ...over]],
  ['connecting', { type: 'tick' }, 'connecting', []],
  ['connecting', { type: 'tick' }, 'ended: failed', ['request-hang-up', ...over], LATE],
  ['active', inRoom, 'active', ['open-room', 'room-members']],
  ['active', meLost, 'ended: connection-lost', over],
  ['active', up(), 'active', []],
  // The peer link still carries it.
  ['active', down('room'), 'active', []],
  ['active', down(), 'reconnecting', []],
  ['active', { type: 'socket', up: false }, 'active', []],
  ['active', sends(true), 'active', ['request-update']],
  ['active', held, 'active', ['hold', 'request-update']],
  ['active', { type: 'hold', on: false }, 'active', []],
  ['active', ended, 'ended: hung-up', over],
  ['active', { type: 'forgotten' }, 'active', []],
  ['active', failed, 'ended: failed', ['request-hang-up', ...over]],
  ['active', { type: 'room-flows' }, 'active', []],
  ['active', { type: 'hang-up' }, 'ended: hung-up', ['request-hang-up', ...over]],
  ['reconnecting', joined, 'reconnecting', []],
  ['reconnecting', meLost, 'ended: connection-lost', over],
  ['reconnecting', up(), 'active', []],
  ['reconnecting', up('room'), 'reconnecting', []],
  ['reconnecting', down(), 'reconnecting', []],
  ['reconnecting', { type: 'socket', up: false }, 'reconnecting', []],
  ['reconnecting', sends(true), 'reconnecting', ['request-update']],
  ['reconnecting', held, 'reconnecting', ['hold', 'request-update']],
  ['reconnecting', ended, 'ended: hung-up', over],
  ['reconnecting', refused, 'ended: failed', over],
  ['reconnecting', { type: 'forgotten' }, 'ended: connection-lost', over],
  ['reconnecting', failed, 'ended: failed', ['request-hang-up', ...over]],
  ['reconnecting', { type: 'room-flows' }, 'reconnecting', []],
  ['reconnecting', { type: 'hang-up' }, 'ended: hung-up', ['request-hang-up', ...over]],
  ['reconnecting', { type: 'tick' }, 'reconnecting', []],
  ['reconnecting', { type: 'tick' }, 'ended: connection-lost', ['request-hang-up', ...over], LATE],
];

const made = (event: Edge[1]): CallEvent => (typeof event === 'function' ? event() : event);

/** Where a call is, as the table above says it. */
const whereIs = (call: Call): Edge[2] => (call.phase === 'ended' ? `ended: ${call.reason}` : call.phase);

for (const [from, event, to, effects, now] of EDGES) {
  const start = FROM[from]();
  const { type } = made(event);
  test(`${from}: ${type} leads to ${to}${now ? ', late' : ''}`, () => {
    const next = step(start, made(event), now ?? NOW);
    assert.equal(whereIs(next.call), to);
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

/** One of each kind. */
const EVENTS: Readonly<Record<CallEvent['type'], CallEvent>> = {
  ...{ accept: { type: 'accept' }, decline: { type: 'decline', busy: false }, 'hang-up': { type: 'hang-up' } },
  ...{ hold: held, sending: sends(true), snapshot: inRoom(), ended, refused, forgotten: { type: 'forgotten' } },
  ...{ socket: { type: 'socket', up: false }, preconnected: { type: 'preconnected' }, 'media-connected': up() },
  ...{ 'media-lost': down(), 'media-failed': failed, 'room-flows': { type: 'room-flows' }, tick: { type: 'tick' } },
};

/** What never leaves a call in its phase; every other handler may, and is to be tried with what does. */
const leaves = (from: string, type: string, to: readonly string[]): boolean =>
  ['accept', 'decline', 'hang-up', 'ended', 'refused', 'media-failed'].includes(type) ||
  (type === 'forgotten' && to.length > 0) ||
  `${from} ${type}` === 'starting snapshot';

test('the edges above are all the table has, and the table has all of them', () => {
  const phase = (to: string) => to.replace(/:.*/, '');
  const tested = new Set(EDGES.map(([from, event, to]) => `${from} ${made(event).type} ${phase(to)}`));
  // Reached by more than one event, in callMachine.test.ts.
  tested.add('ringing-out snapshot active');
  const missing: string[] = [];
  for (const [from, row] of Object.entries(TRANSITIONS)) {
    for (const [type, { to }] of Object.entries(row)) {
      for (const where of leaves(from, type, to) ? to : [...to, from]) {
        const edge = `${from} ${type} ${where}`;
        if (!tested.delete(edge)) missing.push(edge);
      }
    }
  }
  assert.deepEqual([[...tested], missing], [[], []]);
});

for (const [phase, row] of Object.entries(TRANSITIONS)) {
  const ignored = Object.keys(EVENTS).filter((type) => !(type in row)) as CallEvent['type'][];
  test(`${phase}: ignores ${ignored.join(', ')}`, () => {
    const call = phase === 'ended' ? step(active(), { type: 'hang-up' }, NOW).call : FROM[phase as LivePhase]();
    for (const type of ignored) assert.deepEqual(step(call, EVENTS[type], LATE), { call, effects: [] }, type);
  });
}
