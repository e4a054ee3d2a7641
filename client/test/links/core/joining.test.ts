import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, CallId } from '@carillon/protocol';
import {
  beginJoining,
  ENTER_MS,
  type JoiningEvent,
  joiningDeadline,
  KNOCK_EVERY_MS,
  stepJoining,
  WAIT_MS,
} from '../../../src/links/core/joining.ts';
import type { LinkId } from '../../../src/links/core/link.ts';

const OWNER = 'ann' as AccountId;
const MAL = 'mal' as AccountId;
const CALL = 'call' as CallId;
const link = { owner: OWNER, linkId: 'link' as LinkId, video: false };

function play(events: readonly (JoiningEvent | number)[]) {
  let nowMs = 0;
  let { joining, effects } = beginJoining({ link, knockId: 'knock' }, nowMs);
  const done = effects.map(({ type }) => type);
  for (const event of events) {
    if (typeof event === 'number') nowMs += event;
    else {
      ({ joining, effects } = stepJoining(joining, event, nowMs));
      done.push(...effects.map(({ type }) => type));
    }
  }
  return { joining, done: done.join(' '), end: joining.phase === 'over' ? joining.reason : joining.phase };
}

const tick = { type: 'tick' } as const;
const asked = { type: 'asked', from: OWNER } as const;
const invited = { type: 'invited', from: OWNER, callId: CALL } as const;
const rings = { type: 'call-rings', callId: CALL } as const;

test('[CLINK-3] knocks again every while, also when it was heard, and gives up at last', () => {
  const waiting = play([asked, KNOCK_EVERY_MS, tick, KNOCK_EVERY_MS - 1, tick]);
  assert.deepEqual([waiting.done, waiting.end], ['knock knock', 'waiting']);
  const late = play([WAIT_MS, tick, asked, invited]);
  assert.deepEqual([late.done, late.end], ['knock withdraw', 'no-answer']);
  const knocking = beginJoining({ link, knockId: 'knock' }, 0).joining;
  assert.equal(joiningDeadline(knocking), KNOCK_EVERY_MS);
});

test('[CLINK-1] the first invite of the owner is the call, accepted once', () => {
  const inside = play([asked, invited, rings, rings, { type: 'call-joined', callId: CALL }]);
  assert.deepEqual([inside.done, inside.end], ['knock accept', 'joined']);
  const other = { ...invited, callId: 'other' as CallId };
  assert.deepEqual(play([invited, other]).joining, play([invited]).joining);
});

test('[CLINK-2] only the owner’s word counts', () => {
  const refused = { type: 'turned-away', from: MAL, reason: 'refused' } as const;
  assert.equal(play([refused, { ...asked, from: MAL }, { ...invited, from: MAL }]).end, 'knocking');
  assert.equal(play([{ ...refused, from: OWNER }]).end, 'refused');
});

test('[CLINK-3] given up in any phase: the knock is withdrawn, a call that comes all the same is left', () => {
  assert.equal(play([{ type: 'cancel' }]).done, 'knock withdraw');
  assert.equal(play([asked, { type: 'other-call' }]).done, 'knock withdraw');
  const late = play([invited, { type: 'cancel' }, rings]);
  assert.deepEqual([late.done, late.end], ['knock leave leave', 'cancelled']);
  const stuck = play([invited, ENTER_MS, tick]);
  assert.deepEqual([stuck.done, stuck.end], ['knock leave', 'failed']);
  const denied = play([invited, rings, { type: 'failed', words: 'No microphone.' }]);
  assert.equal(denied.joining.phase === 'over' && denied.joining.detail, 'No microphone.');
  const over = play([invited, { type: 'call-ended', callId: CALL, words: 'They hung up' }, rings]);
  assert.deepEqual([over.end, over.done], ['failed', 'knock leave']);
});
