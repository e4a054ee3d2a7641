// What the screen and the screen reader say, at every phase of a call.
import type { AccountId } from '@carillon/protocol';
import type { Call } from './callMachine.ts';
import type { Participant } from './roster.ts';

export type NameOf = (account: AccountId) => string;

/** "ana", "ana and bo", "ana, bo and cy". */
export function list(names: readonly string[]): string {
  if (names.length <= 1) return names[0] ?? 'nobody';
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

export function callWords(call: Call, nameOf: NameOf): string {
  const others = call.participants.filter(({ accountId }) => accountId !== call.self.accountId);
  const names = (wanted: readonly string[]) =>
    others.filter(({ state }) => wanted.includes(state)).map(({ accountId }) => nameOf(accountId));
  // Media needs no socket; what rings or is being set up does.
  const waits = call.phase === 'ringing-out' || call.phase === 'ringing-in' || call.phase === 'connecting';
  if (waits && !call.socketUp) return 'The connection to the server is lost; trying again…';
  switch (call.phase) {
    case 'starting':
      return `Calling ${list(others.map(({ accountId }) => nameOf(accountId)))}…`;
    case 'ringing-out': {
      const ringing = names(['ringing']);
      if (ringing.length > 0) return `Ringing ${list(ringing)}…`;
      const invited = names(['invited']);
      return invited.length > 0 ? `Calling ${list(invited)}…` : 'Waiting for others…';
    }
    case 'ringing-in': {
      const caller = nameOf(call.createdBy);
      const kind = call.video ? 'video call' : 'call';
      return call.mode === 'room' ? `${caller} invites you to a group ${kind}` : `${caller} calls: ${kind}`;
    }
    case 'connecting':
      return 'Connecting…';
    case 'active': {
      const joined = names(['joined']);
      return joined.length > 0
        ? (holdWords(call, others, nameOf) ?? `In a call with ${list(joined)}`)
        : 'Waiting for others…';
    }
    case 'reconnecting': {
      const joined = names(['joined']);
      return joined.length > 0 ? `Reconnecting to ${list(joined)}…` : 'Reconnecting…';
    }
    case 'ended':
      return endWords(
        call,
        nameOf,
        others.map(({ accountId }) => nameOf(accountId)),
      );
    default:
      return call satisfies never;
  }
}

/** Undefined while nobody holds the call. */
function holdWords({ held }: Call, others: readonly Participant[], nameOf: NameOf): string | undefined {
  const holding = others.filter((other) => other.state === 'joined' && other.held);
  const names = list(holding.map(({ accountId }) => nameOf(accountId)));
  if (held) return holding.length > 0 ? `On hold, also by ${names}` : 'On hold';
  if (holding.length === 0) return undefined;
  const talking = others.filter((other) => other.state === 'joined' && !other.held);
  if (talking.length === 0) return `${names} put the call on hold`;
  return `In a call with ${list(talking.map(({ accountId }) => nameOf(accountId)))}; ${names} put it on hold`;
}

function endWords(call: Call & { phase: 'ended' }, nameOf: NameOf, others: readonly string[]): string {
  const byMe = call.by === call.self.accountId;
  const other = call.by && !byMe ? nameOf(call.by) : call.outgoing ? list(others) : nameOf(call.createdBy);
  switch (call.reason) {
    case 'hung-up':
      return byMe || call.by === undefined ? 'The call has ended' : `${other} ended the call`;
    case 'declined':
      return byMe ? 'You declined the call' : `${other} declined the call`;
    case 'busy':
      return byMe ? `Missed call from ${nameOf(call.createdBy)}` : `${other} is in another call`;
    case 'cancelled':
      return call.outgoing ? 'You cancelled the call' : `Missed call from ${nameOf(call.createdBy)}`;
    case 'expired':
      return call.outgoing ? 'No answer' : `Missed call from ${nameOf(call.createdBy)}`;
    case 'accepted-elsewhere':
      return 'Answered on another of your devices';
    case 'declined-elsewhere':
      return 'Declined on another of your devices';
    case 'busy-elsewhere':
      return `Missed call from ${nameOf(call.createdBy)}`;
    case 'needs-permission':
      return `${other} has to accept you as a contact first`;
    case 'connection-lost':
      return 'The call ended: the connection was lost';
    case 'failed':
      return `The call could not be connected: ${call.detail ?? 'something went wrong.'}`;
    default:
      return call.reason satisfies never;
  }
}
