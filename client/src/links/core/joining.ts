// Knocking at somebody's call link, as the device that knocks sees it.
//
//   knocking ──asked──▶ waiting ──an invite that names the link──▶ entering ──▶ over
//   every phase ──refused, revoked, busy, failed, cancelled, its deadline──▶ over
//
// The owner's devices may be away, so the knock is repeated; each one that is
// heard keeps it in the lobby (lobby.ts). Only the owner's word counts, and the
// first invite that names the link is the call.
import type { AccountId, CallId } from '@carillon/protocol';
import type { JoinEnd } from '../../model.ts';
import type { CallLink } from './link.ts';

/** Twice before a knock is forgotten over there. */
export const KNOCK_EVERY_MS = 20_000;
/** Nobody waits longer than this: the owner is not there, or does not look. */
export const WAIT_MS = 5 * 60_000;
/** From the invite to being in the call: the microphone may have to be allowed first. */
export const ENTER_MS = 45_000;

interface Facts {
  readonly link: CallLink;
  readonly knockId: string;
}

export type Joining = Facts &
  (
    | { readonly phase: 'knocking' | 'waiting'; readonly sinceMs: number; readonly knockAtMs: number }
    | { readonly phase: 'entering'; readonly callId: CallId; readonly accepted: boolean; readonly sinceMs: number }
    | {
        readonly phase: 'over';
        readonly reason: JoinEnd;
        readonly callId: CallId | undefined;
        readonly detail: string | undefined;
      }
  );

export type JoiningEvent =
  | { readonly type: 'asked'; readonly from: AccountId }
  | { readonly type: 'turned-away'; readonly from: AccountId; readonly reason: JoinEnd }
  | { readonly type: 'invited'; readonly from: AccountId; readonly callId: CallId }
  /** The call that this device was let into has got so far. */
  | { readonly type: 'call-rings' | 'call-joined'; readonly callId: CallId }
  | { readonly type: 'call-ended'; readonly callId: CallId; readonly words: string }
  /** The person has begun or taken a call by other ways. */
  | { readonly type: 'other-call' }
  | { readonly type: 'cancel' }
  | { readonly type: 'failed'; readonly words: string }
  | { readonly type: 'tick' };

export type JoiningEffect =
  | { readonly type: 'knock' }
  | { readonly type: 'withdraw' }
  | { readonly type: 'accept'; readonly callId: CallId }
  /** Too late, or not wanted any more. */
  | { readonly type: 'leave'; readonly callId: CallId };

export interface JoiningStep {
  readonly joining: Joining;
  readonly effects: readonly JoiningEffect[];
}

const stay = (joining: Joining, effects: readonly JoiningEffect[] = []): JoiningStep => ({ joining, effects });

export function beginJoining(facts: Facts, nowMs: number): JoiningStep {
  const { link, knockId } = facts;
  return stay({ link, knockId, phase: 'knocking', sinceMs: nowMs, knockAtMs: nowMs + KNOCK_EVERY_MS }, [
    { type: 'knock' },
  ]);
}

function over(joining: Joining, reason: JoinEnd, detail?: string, effects: readonly JoiningEffect[] = []): JoiningStep {
  const { link, knockId } = joining;
  const callId = 'callId' in joining ? joining.callId : undefined;
  return stay({ link, knockId, phase: 'over', reason, callId, detail }, effects);
}

/** While it is not known whether the owner lets one in. */
function outside(
  joining: Joining & { phase: 'knocking' | 'waiting' },
  event: JoiningEvent,
  nowMs: number,
): JoiningStep {
  const { link, knockId } = joining;
  const isOwner = 'from' in event && event.from === link.owner;
  switch (event.type) {
    case 'asked':
      return stay(isOwner ? { ...joining, phase: 'waiting' } : joining);
    case 'turned-away':
      return isOwner ? over(joining, event.reason) : stay(joining);
    case 'invited':
      if (!isOwner) return stay(joining);
      return stay({ link, knockId, phase: 'entering', callId: event.callId, accepted: false, sinceMs: nowMs });
    case 'other-call':
    case 'cancel':
      return over(joining, 'cancelled', undefined, [{ type: 'withdraw' }]);
    case 'failed':
      return over(joining, 'failed', event.words, [{ type: 'withdraw' }]);
    case 'tick':
      if (nowMs >= joining.sinceMs + WAIT_MS) return over(joining, 'no-answer', undefined, [{ type: 'withdraw' }]);
      if (nowMs < joining.knockAtMs) return stay(joining);
      return stay({ ...joining, knockAtMs: nowMs + KNOCK_EVERY_MS }, [{ type: 'knock' }]);
    default:
      return stay(joining);
  }
}

function entering(joining: Joining & { phase: 'entering' }, event: JoiningEvent, nowMs: number): JoiningStep {
  const { callId } = joining;
  if ('callId' in event && event.callId !== callId) return stay(joining);
  switch (event.type) {
    case 'call-rings':
      return joining.accepted ? stay(joining) : stay({ ...joining, accepted: true }, [{ type: 'accept', callId }]);
    case 'call-joined':
      return over(joining, 'joined');
    case 'call-ended':
      return over(joining, 'failed', event.words);
    case 'failed':
      return over(joining, 'failed', event.words, [{ type: 'leave', callId }]);
    case 'cancel':
      return over(joining, 'cancelled', undefined, [{ type: 'leave', callId }]);
    case 'tick':
      if (nowMs < joining.sinceMs + ENTER_MS) return stay(joining);
      return over(joining, 'failed', undefined, [{ type: 'leave', callId }]);
    default:
      return stay(joining);
  }
}

export function stepJoining(joining: Joining, event: JoiningEvent, nowMs: number): JoiningStep {
  switch (joining.phase) {
    case 'knocking':
    case 'waiting':
      return outside(joining as Joining & { phase: 'knocking' | 'waiting' }, event, nowMs);
    case 'entering':
      return entering(joining, event, nowMs);
    case 'over': {
      // It was given up before it rang.
      const isLate = event.type === 'call-rings' && event.callId === joining.callId && joining.reason !== 'joined';
      return isLate ? stay(joining, [{ type: 'leave', callId: event.callId }]) : stay(joining);
    }
    default:
      return joining satisfies never;
  }
}

/** When a `tick` is due, Unix milliseconds. */
export function joiningDeadline(joining: Joining): number | undefined {
  switch (joining.phase) {
    case 'knocking':
    case 'waiting':
      return Math.min(joining.knockAtMs, joining.sinceMs + WAIT_MS);
    case 'entering':
      return joining.sinceMs + ENTER_MS;
    case 'over':
      return undefined;
    default:
      return joining satisfies never;
  }
}
