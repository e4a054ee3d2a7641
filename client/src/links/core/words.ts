// What the screen and the screen reader say to who knocks at a call link.
import type { JoinEnd } from '../../model.ts';
import type { Joining } from './joining.ts';

export function joiningWords(joining: Joining, name: string): string {
  switch (joining.phase) {
    case 'knocking':
      return `Asking ${name} to let you in. They may be offline: you can wait, or cancel.`;
    case 'waiting':
      return `${name} was asked. You come in as soon as they let you.`;
    case 'entering':
      return `${name} lets you in…`;
    case 'over':
      return joining.detail ?? endWords(joining.reason, name);
    default:
      return joining satisfies never;
  }
}

function endWords(reason: JoinEnd, name: string): string {
  switch (reason) {
    case 'joined':
      return 'You are in the call.';
    case 'cancelled':
      return 'You do not wait any more.';
    case 'refused':
      return `${name} did not let you in.`;
    case 'revoked':
      return `${name} has taken this link back.`;
    case 'busy':
      return `${name} is in another call. Try again later.`;
    case 'no-answer':
      return `${name} did not answer. They may be offline, or the link is no longer good.`;
    case 'failed':
      return 'The call could not be joined. Try again.';
    default:
      return reason satisfies never;
  }
}
