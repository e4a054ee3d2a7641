// Does the call go on? Read off the roster after a transition; `cause` is the
// transition that led there, and decides what each account is told.
import type { AccountId } from '@carillon/protocol';
import { type Ending, type EndReason, isJoined, isPending, type LiveCall, type Participant } from './call.ts';

export interface Cause {
  readonly event: 'hang_up' | 'decline' | 'needs_permission' | 'busy' | 'expire' | 'lose' | 'alone' | 'glare' | 'other';
  readonly by: AccountId | null;
}

/** The endings, one per account, or undefined while the call goes on. */
export function verdict(call: LiveCall, cause: Cause): readonly Ending[] | undefined {
  const { participants } = call;
  if (cause.event === 'alone' || cause.event === 'glare') return endingsOf(call, cause);
  if (call.mode === 'peer') {
    return participants.every((p) => isPending(p) || isJoined(p)) ? undefined : endingsOf(call, cause);
  }
  const joined = participants.filter(isJoined).length;
  if (joined === 0) return endingsOf(call, cause);
  const refused = participants.every((p) => isJoined(p) || (!isPending(p) && p.state !== 'left'));
  return joined === 1 && refused ? endingsOf(call, { ...cause, event: refusalOf(participants) }) : undefined;
}

/** One participant is in, none is asked: the others left, and may come back. */
export function isAlone(call: LiveCall): boolean {
  return call.participants.filter(isJoined).length === 1 && !call.participants.some(isPending);
}

/** What to tell the one who asked them all: a spoken no before a busy line, before silence. */
function refusalOf(participants: readonly Participant[]): 'decline' | 'busy' | 'expire' {
  if (participants.some((p) => p.state === 'declined')) return 'decline';
  return participants.some((p) => p.state === 'busy') ? 'busy' : 'expire';
}

function endingsOf(call: LiveCall, cause: Cause): Ending[] {
  return call.participants.map((p) => ({
    accountId: p.accountId,
    reason: reasonFor(p, cause),
    by: cause.event === 'glare' ? otherThan(call, p.accountId) : cause.by,
  }));
}

function reasonFor(p: Participant, cause: Cause): EndReason {
  switch (cause.event) {
    case 'glare':
      return 'cancelled';
    case 'hang_up':
      // Whoever was never in has missed a call, however it was taken back.
      return isPending(p) ? 'cancelled' : 'hung-up';
    case 'lose':
      return isPending(p) ? 'cancelled' : 'connection-lost';
    case 'decline':
      return p.accountId === cause.by ? 'declined-elsewhere' : 'declined';
    case 'needs_permission':
      return p.accountId === cause.by ? 'declined-elsewhere' : 'needs-permission';
    case 'busy':
      return p.accountId === cause.by ? 'busy-elsewhere' : 'busy';
    case 'expire':
      return 'expired';
    case 'alone':
    case 'other':
      return 'hung-up';
    default:
      return cause.event satisfies never;
  }
}

function otherThan(call: LiveCall, accountId: AccountId): AccountId | null {
  return call.participants.find((p) => p.accountId !== accountId)?.accountId ?? null;
}
