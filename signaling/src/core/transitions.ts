// The participant's transitions: the one place that says what may follow what.
// A row is where the account stands as seen by the device that asks: another
// device of an account that has joined stands `joined_elsewhere`. An entry is
// the state that follows, or the code of the refusal; an entry equal to its row
// changes nothing that others see, so that a request repeated after a lost
// reply gets the same answer.
import type { DeviceId, ErrorCode } from '@carillon/protocol';
import type { Participant, ParticipantState } from './call.ts';

export type Standing = ParticipantState | 'joined_elsewhere';

export type ParticipantEvent =
  /** A device has the invite and rings. */
  | 'ring'
  /** The device rings, and its media could flow the moment it accepts. */
  | 'preconnect'
  | 'accept'
  | 'decline'
  /** No, because the person has to accept the caller as a contact first. */
  | 'needs_permission'
  | 'busy'
  | 'hang_up'
  /** What the participant sends has changed: audio to video and back, hold and back. */
  | 'update'
  /** A device takes the call up again after a lost socket or a reload. */
  | 'attach'
  /** Somebody in the call asks this account in. */
  | 'invite'
  /** Nobody accepted in time. */
  | 'expire'
  /** The socket stayed away for longer than the reconnect bound. */
  | 'lose';

export type Outcome = { readonly to: ParticipantState } | { readonly refuse: ErrorCode };

const to = <State extends ParticipantState>(state: State) => ({ to: state }) as const;
const wrongState = { refuse: 'call-state' } as const;
const elsewhere = { refuse: 'answered-elsewhere' } as const;

/** Asked, and nothing said yet: `hang_up` by whoever rings means no, as `decline` does. */
const answers = {
  accept: to('joined'),
  decline: to('declined'),
  needs_permission: to('declined'),
  busy: to('busy'),
  hang_up: to('declined'),
  expire: to('expired'),
  update: wrongState,
} as const;

/** Out of a call that goes on: it can be asked again, or come back by itself. */
const out = <State extends ParticipantState>(state: State) =>
  ({
    ring: wrongState,
    preconnect: wrongState,
    accept: to('joined'),
    decline: to(state),
    needs_permission: to(state),
    busy: to(state),
    hang_up: to(state),
    update: wrongState,
    attach: to(state),
    invite: to('invited'),
    expire: to(state),
    lose: to(state),
  }) as const;

export const TRANSITIONS = {
  invited: {
    ...answers,
    ring: to('ringing'),
    preconnect: wrongState,
    attach: to('invited'),
    invite: to('invited'),
    lose: to('invited'),
  },
  ringing: {
    ...answers,
    ring: to('ringing'),
    preconnect: to('ringing'),
    attach: to('ringing'),
    invite: to('ringing'),
    lose: to('ringing'),
  },
  joined: {
    ring: wrongState,
    // Said just before its own accept, and late.
    preconnect: to('joined'),
    accept: to('joined'),
    decline: wrongState,
    needs_permission: wrongState,
    busy: wrongState,
    hang_up: to('left'),
    update: to('joined'),
    attach: to('joined'),
    invite: to('joined'),
    expire: to('joined'),
    lose: to('left'),
  },
  // One device holds the account's place. Another can neither take it nor end it.
  joined_elsewhere: {
    ring: elsewhere,
    preconnect: elsewhere,
    accept: elsewhere,
    decline: elsewhere,
    needs_permission: elsewhere,
    busy: elsewhere,
    hang_up: elsewhere,
    update: elsewhere,
    attach: { refuse: 'call-not-yours' },
    invite: to('joined'),
    expire: to('joined'),
    lose: to('left'),
  },
  left: out('left'),
  declined: out('declined'),
  busy: out('busy'),
  expired: out('expired'),
} as const satisfies Record<Standing, Record<ParticipantEvent, Outcome>>;

export function standingOf(p: Participant, deviceId: DeviceId): Standing {
  return p.state === 'joined' && p.deviceId !== deviceId ? 'joined_elsewhere' : p.state;
}

export function transition(standing: Standing, event: ParticipantEvent): Outcome {
  return TRANSITIONS[standing][event];
}
