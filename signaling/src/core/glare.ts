// Glare: two people call each other before either has answered. One call goes
// on, the one whose id is lower in ASCII order. Both devices and the server can
// tell which without asking each other, whatever arrived first.
//
// The losing call ends with `cancelled` on every device. Its caller knows glare
// from its own cancelling by the words `by_account_id`: a call that one created
// and did not hang up is `cancelled` only by glare, and names the account whose
// call goes on. It then accepts that call as soon as it has its invite.
import type { AccountId, CallId } from '@carillon/protocol';
import { type Call, isJoined, isPending, type LiveCall } from './call.ts';

export function glareWinner(a: CallId, b: CallId): CallId {
  return a < b ? a : b;
}

/** Is `call` one in which `callee` called `caller` and is not answered yet? */
export function collides(call: Call, caller: AccountId, callee: AccountId): call is LiveCall {
  return (
    call.phase === 'live' &&
    call.mode === 'peer' &&
    call.createdBy === callee &&
    call.participants.some((p) => p.accountId === callee && isJoined(p)) &&
    call.participants.some((p) => p.accountId === caller && isPending(p))
  );
}
