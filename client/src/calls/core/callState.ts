// The state of a call, what may happen to it, and what is to be done; the theory
// is in callMachine.ts.
import type { AccountId, Address, CallId } from '@carillon/protocol';
import type { CallEndReason, CallOutcome } from '../../model.ts';
import type { Participant, Snapshot } from './roster.ts';

/** How long signaling may take to answer a new call. Lower gives up on slow networks, higher keeps a dead screen up. */
export const STARTING_MS = 15_000;
/** After the ring's own end, how long the server's word on it is waited for. */
export const RING_GRACE_MS = 5_000;
/** Without media for this long a call ends; the roster keeps a place as long (LIMITS.reconnectMs). */
export const MEDIA_LOST_MS = 30_000;

export type Link = 'peer' | 'room';

/** What every phase has. */
export interface Facts {
  readonly callId: CallId;
  readonly self: Address;
  readonly outgoing: boolean;
  readonly video: boolean;
  readonly mode: Link;
  readonly revision: number;
  /** Who asked us, as the encrypted invite proves; never what signaling says. */
  readonly createdBy: AccountId;
  /** Whom this device called at first; empty when it was called. */
  readonly callees: readonly AccountId[];
  readonly participants: readonly Participant[];
  readonly startedAtMs: number;
  /** The server's end of the present ring, by the server's clock; 0: nobody rings. */
  readonly serverRingsUntilMs: number;
  /** Links that were opened, and whether media flows over them. */
  readonly links: Readonly<Partial<Record<Link, boolean>>>;
  /** The device at the other end of the peer link. */
  readonly peer: Address | undefined;
  /** Whoever is at the other end of it holds the call. */
  readonly peerHeld: boolean;
  /** This device holds the call: it neither sends nor plays anything. */
  readonly held: boolean;
  /** What this device last said, or is to say, of its camera. */
  readonly sendsVideo: boolean;
  readonly socketUp: boolean;
  /** Signaling no longer knows this call. */
  readonly forgotten: boolean;
}

type Stage =
  | { readonly phase: 'starting'; readonly sinceMs: number }
  | { readonly phase: 'ringing-out'; readonly ringsUntilMs: number }
  | {
      readonly phase: 'ringing-in';
      readonly ringsUntilMs: number;
      readonly from: Address;
      /** The link to the caller's device: asked for once, and told to signaling once it is up. */
      readonly preconnect: 'none' | 'asked' | 'told';
    }
  | { readonly phase: 'connecting'; readonly sinceMs: number }
  | { readonly phase: 'active'; readonly connectedAtMs: number }
  | { readonly phase: 'reconnecting'; readonly connectedAtMs: number; readonly sinceMs: number }
  | {
      readonly phase: 'ended';
      readonly reason: CallEndReason;
      readonly by: AccountId | undefined;
      /** Why it failed, for the person. */
      readonly detail: string | undefined;
      readonly connectedAtMs: number | undefined;
    };

export type Call = Facts & Stage;

export type CallEvent =
  // The person
  | { readonly type: 'accept' }
  | { readonly type: 'decline'; readonly busy: boolean }
  | { readonly type: 'hang-up' }
  | { readonly type: 'hold'; readonly on: boolean }
  // This device's media
  | { readonly type: 'sending'; readonly video: boolean }
  // Signaling
  | { readonly type: 'snapshot'; readonly snapshot: Snapshot }
  | { readonly type: 'ended'; readonly reason: CallEndReason; readonly by: AccountId | undefined }
  | { readonly type: 'refused'; readonly words: string }
  | { readonly type: 'forgotten' }
  | { readonly type: 'socket'; readonly up: boolean }
  // Media
  /** The link to the caller is up while it rings here: silent, until it is accepted. */
  | { readonly type: 'preconnected' }
  | { readonly type: 'media-connected'; readonly link: Link }
  | { readonly type: 'media-lost'; readonly link: Link }
  | { readonly type: 'media-failed'; readonly words: string }
  /** In a room, everyone the peer link carried is now heard through the SFU. */
  | { readonly type: 'room-flows' }
  | { readonly type: 'tick' };

export type CallEffect =
  | { readonly type: 'request-accept' }
  | { readonly type: 'request-decline'; readonly busy: boolean }
  | { readonly type: 'request-hang-up' }
  /** For the roster: what this device sends. */
  | { readonly type: 'request-update'; readonly video: boolean; readonly held: boolean }
  /** This device's own sources and loudspeaker. */
  | { readonly type: 'hold'; readonly on: boolean }
  /** The other end of the peer link holds the call: nothing is sent there. */
  | { readonly type: 'mute-peer'; readonly on: boolean }
  /** Connect to the caller's device while it rings here. */
  | { readonly type: 'preconnect'; readonly device: Address }
  | { readonly type: 'request-preconnect' }
  /** The call is with this device: its link becomes the call's, all others go. */
  | { readonly type: 'open-peer'; readonly device: Address }
  /** Also what was connected while it rang. */
  | { readonly type: 'close-peer' }
  | { readonly type: 'open-room' }
  /** The devices in the call are now these: frame keys follow them. */
  | { readonly type: 'room-members' }
  | { readonly type: 'record'; readonly outcome: CallOutcome; readonly durationMs: number }
  /** Tell those who never answered, by an encrypted message that outlives the ring. */
  | { readonly type: 'tell-missed'; readonly accounts: readonly AccountId[] }
  | { readonly type: 'close' };

export interface Step {
  readonly call: Call;
  readonly effects: readonly CallEffect[];
}

export interface NewCall {
  readonly callId: CallId;
  readonly self: Address;
  readonly video: boolean;
  readonly group: boolean;
}

function facts(init: NewCall, outgoing: boolean, createdBy: AccountId, now: number): Facts {
  return {
    callId: init.callId,
    self: init.self,
    outgoing,
    video: init.video,
    mode: init.group ? 'room' : 'peer',
    revision: 0,
    createdBy,
    callees: [],
    participants: [],
    startedAtMs: now,
    serverRingsUntilMs: 0,
    links: {},
    peer: undefined,
    peerHeld: false,
    held: false,
    sendsVideo: init.video,
    socketUp: true,
    forgotten: false,
  };
}

export function outgoingCall(init: NewCall, callees: readonly AccountId[], now: number): Call {
  const participants = callees.map(
    (accountId): Participant => ({
      accountId,
      state: 'invited',
      device: undefined,
      number: 0,
      video: false,
      held: false,
    }),
  );
  return { ...facts(init, true, init.self.accountId, now), callees, participants, phase: 'starting', sinceMs: now };
}

export function incomingCall(init: NewCall, from: Address, ringsUntilMs: number, now: number): Call {
  const caller: Participant = {
    accountId: from.accountId,
    state: 'joined',
    device: from,
    number: 0,
    video: false,
    held: false,
  };
  return {
    ...facts(init, false, from.accountId, now),
    participants: [caller],
    phase: 'ringing-in',
    ringsUntilMs,
    from,
    preconnect: 'none',
  };
}

/** A call this device was in before its page was loaded again: its links are opened by the next snapshot. */
export function resumedCall(
  init: NewCall,
  outgoing: boolean,
  createdBy: AccountId,
  connectedAtMs: number,
  now: number,
): Call {
  return { ...facts(init, outgoing, createdBy, now), phase: 'reconnecting', connectedAtMs, sinceMs: now };
}

/** The call without its stage. */
export function factsOf(call: Call): Facts {
  const { callId, self, outgoing, video, mode, revision, createdBy, callees, participants, startedAtMs } = call;
  const { serverRingsUntilMs, links, peer, peerHeld, held, sendsVideo, socketUp, forgotten } = call;
  return {
    ...{ callId, self, outgoing, video, mode, revision, createdBy, callees, participants, startedAtMs },
    ...{ serverRingsUntilMs, links, peer, peerHeld, held, sendsVideo, socketUp, forgotten },
  };
}

/** When a `tick` is due, Unix milliseconds. */
export function deadlineOf(call: Call): number | undefined {
  switch (call.phase) {
    case 'starting':
      return call.sinceMs + STARTING_MS;
    case 'ringing-out':
    case 'ringing-in':
      return call.ringsUntilMs + RING_GRACE_MS;
    case 'connecting':
    case 'reconnecting':
      return call.sinceMs + MEDIA_LOST_MS;
    case 'active':
    case 'ended':
      return undefined;
    default:
      return call satisfies never;
  }
}
