import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type Call, type CallEvent, isPending, type LiveCall, nextDeadlineMs } from '../../src/core/call.ts';
import { step } from '../../src/core/step.ts';
import { account, bounds, callId, device } from './people.ts';

const names = ['alice', 'bob', 'carol', 'dave', 'mallory'];
const anyDevice = fc
  .record({ name: fc.constantFrom(...names), id: fc.integer({ min: 1, max: 3 }) })
  .map(({ name, id }) => device(name, id));
const anyEvent: fc.Arbitrary<CallEvent> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constantFrom(
        ...(['ring', 'preconnect', 'accept', 'decline', 'needs_permission', 'busy', 'hang_up', 'socket_lost'] as const),
      ),
      by: anyDevice,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('attach'), by: anyDevice, receivedSeq: fc.bigInt(0n, 9n) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('invite'),
      by: anyDevice,
      accounts: fc.array(fc.constantFrom(...names.map(account)), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('update'), by: anyDevice, video: fc.boolean(), held: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'glare_lost' } as const) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('room'), by: anyDevice, node: fc.constant('local') }) },
  { weight: 1, arbitrary: fc.constant({ type: 'restored', nodes: ['local'] } as const) },
  { weight: 3, arbitrary: fc.constant({ type: 'tick' } as const) },
);
const anyStory = fc.record({
  callees: fc.uniqueArray(fc.constantFrom(...names.slice(1, 4).map(account)), { minLength: 1 }),
  room: fc.boolean(),
  moves: fc.array(fc.record({ event: anyEvent, afterMs: fc.integer({ min: 0, max: 40_000 }) }), { maxLength: 40 }),
});

function checkRoster(before: LiveCall | undefined, after: LiveCall): void {
  const accounts = after.participants.map((p) => p.accountId);
  assert.equal(new Set(accounts).size, accounts.length, 'an account is in the roster once');
  const numbers = after.participants.map((p) => p.number).filter((number) => number > 0);
  assert.equal(new Set(numbers).size, numbers.length, 'a number belongs to one participant');
  for (const p of after.participants) {
    if (p.state === 'joined') assert.ok(p.number > 0 && p.deviceId > 0, 'whoever is in has a number');
    assert.ok(p.number <= after.lastNumber);
  }
  assert.ok(after.revision >= (before?.revision ?? 1), 'revisions do not fall');
  if (before && JSON.stringify(visible(before)) !== JSON.stringify(visible(after))) {
    assert.equal(after.revision, before.revision + 1, 'what is seen changes by one revision');
  }
  assert.ok(
    after.participants.some((p) => p.state === 'joined'),
    'a live call has somebody in it',
  );
  assert.ok(before?.mode !== 'room' || after.mode === 'room', 'a room call stays one');
}

function visible({ mode, participants }: LiveCall) {
  return {
    mode,
    who: participants.map(({ accountId, state, number, deviceId }) => [accountId, state, number, deviceId]),
  };
}

/** The winners among an account's devices: who holds its place only ever changes after it was given up. */
function checkWinner(before: LiveCall, after: LiveCall): void {
  for (const was of before.participants) {
    const is = after.participants.find((p) => p.accountId === was.accountId);
    if (was.state === 'joined' && is?.state === 'joined') {
      assert.equal(is.deviceId, was.deviceId, 'no second device wins');
      assert.equal(is.number, was.number);
    }
  }
}

describe('any sequence of events', () => {
  it('keeps the call’s promises', () => {
    fc.assert(
      fc.property(anyStory, ({ callees, room, moves }) => {
        let nowMs = 1_000;
        const create = { type: 'create', by: device('alice'), callId, callees, video: true, room } as const;
        let call: Call | undefined;
        const play = (event: CallEvent) => {
          const before = call;
          const result = step(call, event, nowMs, bounds);
          if ('refusal' in result) return;
          call = result.call;
          if (call?.phase !== 'live') return;
          checkRoster(before?.phase === 'live' ? before : undefined, call);
          if (before?.phase === 'live') checkWinner(before, call);
        };
        play(create);
        for (const { event, afterMs } of moves) {
          // Timers fire on the way, as the runner's do.
          const untilMs = nowMs + afterMs;
          while (call && nextDeadlineMs(call) <= untilMs) {
            nowMs = nextDeadlineMs(call);
            play({ type: 'tick' });
            if (call?.phase === 'live') {
              for (const p of call.participants)
                if (isPending(p)) assert.ok(p.ringsUntilMs > nowMs, 'rang for too long');
              assert.ok(nextDeadlineMs(call) > nowMs, 'a deadline that has passed does not come again');
            }
          }
          nowMs = untilMs;
          play(event);
        }
        // Nobody does anything any more: all sockets are lost.
        for (const name of names) for (let id = 1; id <= 3; id++) play({ type: 'socket_lost', by: device(name, id) });
        for (let ticks = 0; call?.phase === 'live'; ticks++) {
          assert.ok(ticks < 50, 'a deserted call ends');
          nowMs = nextDeadlineMs(call);
          assert.ok(Number.isFinite(nowMs));
          play({ type: 'tick' });
        }
      }),
      { numRuns: 1_000 },
    );
  });
});
