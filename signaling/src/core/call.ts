// A call, as the server knows it: who is asked, who rings, who is in.
//
// The theory. A call is a roster of participants, one for each account, and
// every participant is a small state machine of its own (transitions.ts holds
// its table): it is invited; it rings once one of the account's devices has
// the end-to-end encrypted invite and says so; it joins when exactly one device
// accepts; it leaves, or refuses, or lets the time pass. What the call as a
// whole does follows from its roster after each transition (verdict.ts):
//
// - In peer mode there are two participants, and the call lives for as long as
//   both are asked or in. Whatever takes one of them out ends it for both.
// - In room mode the call lives while somebody is in and somebody else is in or
//   still asked. Whoever is left alone waits for one reconnect bound, so that a
//   person who hung up by mistake finds the call; if all others refused, there
//   is nobody to wait for and it ends at once. A call never goes back to peer
//   mode: its media has moved.
//
// Time enters only as `nowMs` and leaves only as absolute deadlines, so the
// whole of it can be played through in a test without waiting. A socket is not
// a participant: losing it starts a deadline, and only the deadline removes the
// participant, because the media of a call needs no signaling to go on.
//
// An ended call is kept for a while as its endings, one per account: a device
// that wakes up late hears why it is over, and the id cannot be used again.
import type { AccountId, Address, CallId, DeviceId, ErrorCode } from '@carillon/protocol';

export type CallMode = 'peer' | 'room';

interface Member {
  readonly accountId: AccountId;
  /** The device that joined last; 0 before. */
  readonly deviceId: DeviceId | 0;
  /** The number of the last join; 0 before. */
  readonly number: number;
}

export type Participant =
  | (Member & { readonly state: 'invited'; readonly ringsUntilMs: number })
  | (Member & {
      readonly state: 'ringing';
      readonly ringsUntilMs: number;
      readonly devices: readonly DeviceId[];
      /** Those of `devices` whose media could flow already. Nobody's business before one of them accepts. */
      readonly connected: readonly DeviceId[];
    })
  | (Member & {
      readonly state: 'joined';
      readonly deviceId: DeviceId;
      /** The socket is gone, and this is when the participant is too; null while it is attached. */
      readonly lostUntilMs: number | null;
      /** What it sends, as it says. */
      readonly video: boolean;
      readonly held: boolean;
      /** Its media could flow when it accepted. */
      readonly preconnected: boolean;
    })
  | (Member & { readonly state: 'left' | 'declined' | 'busy' | 'expired' });

export type ParticipantState = Participant['state'];

export interface LiveCall {
  readonly phase: 'live';
  readonly callId: CallId;
  readonly createdBy: AccountId;
  readonly createdAtMs: number;
  readonly video: boolean;
  readonly mode: CallMode;
  readonly revision: number;
  /** The number of the latest join; the next one gets the next. */
  readonly lastNumber: number;
  readonly participants: readonly Participant[];
  /** The SFU node that holds the room, from the first ticket on. */
  readonly node: string | null;
  /** One participant is left alone, and this is when it ends. */
  readonly aloneUntilMs: number | null;
  /** How often a server took the call up again from its store; relay sequences start anew, higher. */
  readonly restores: number;
}

export type EndReason =
  | 'hung-up'
  | 'declined'
  | 'busy'
  | 'cancelled'
  | 'expired'
  | 'accepted-elsewhere'
  | 'declined-elsewhere'
  | 'busy-elsewhere'
  | 'needs-permission'
  | 'connection-lost';

export interface Ending {
  readonly accountId: AccountId;
  readonly reason: EndReason;
  readonly by: AccountId | null;
}

export interface EndedCall {
  readonly phase: 'ended';
  readonly callId: CallId;
  readonly createdBy: AccountId;
  readonly endings: readonly Ending[];
  readonly forgetAtMs: number;
}

export type Call = LiveCall | EndedCall;

/** What a device says of its own part, and nothing more. */
export type OwnEvent = 'ring' | 'preconnect' | 'accept' | 'decline' | 'needs_permission' | 'busy' | 'hang_up';

export type CallEvent =
  | {
      readonly type: 'create';
      readonly by: Address;
      readonly callId: CallId;
      /** Each once, the creator not among them. */
      readonly callees: readonly AccountId[];
      readonly video: boolean;
      readonly room: boolean;
    }
  | { readonly type: OwnEvent; readonly by: Address }
  | { readonly type: 'update'; readonly by: Address; readonly video: boolean; readonly held: boolean }
  | { readonly type: 'invite'; readonly by: Address; readonly accounts: readonly AccountId[] }
  | { readonly type: 'attach'; readonly by: Address; readonly receivedSeq: bigint }
  | { readonly type: 'relay'; readonly by: Address; readonly to: Address; readonly sealed: Uint8Array }
  /** A ticket is asked for; `node` is where the room would go, had it no node yet. */
  | { readonly type: 'room'; readonly by: Address; readonly node: string | undefined }
  | { readonly type: 'socket_lost'; readonly by: Address }
  /** Both called each other, and the other call goes on (glare.ts). */
  | { readonly type: 'glare_lost' }
  /** A server has started with this call in its store; `nodes` are the SFU nodes it knows. */
  | { readonly type: 'restored'; readonly nodes: readonly string[] }
  | { readonly type: 'tick' };

/** To be run in order. `persist` comes first: nobody hears of what is not stored. */
export type Effect =
  | { readonly type: 'persist' }
  /** Answers the device that asked. */
  | { readonly type: 'reply'; readonly body: 'state' | 'done' }
  | { readonly type: 'ticket'; readonly node: string; readonly number: number }
  /** From now on `device` hears of the call; first what was relayed to it after `receivedSeq`. */
  | { readonly type: 'attach'; readonly device: Address; readonly receivedSeq: bigint }
  | { readonly type: 'detach'; readonly device: Address }
  | { readonly type: 'state'; readonly to: readonly Address[] }
  /** The call is over for `to`; implies detach. */
  | { readonly type: 'ended'; readonly to: Address; readonly reason: EndReason; readonly by: AccountId | null }
  | { readonly type: 'relay'; readonly from: Address; readonly to: Address; readonly sealed: Uint8Array };

export type Step =
  | { readonly call: Call; readonly effects: readonly Effect[] }
  | { readonly refusal: ErrorCode; readonly effects: readonly Effect[] };

export interface Bounds {
  /** How long an invited account may take. */
  readonly ringMs: number;
  /** How long a participant may be without a socket, or alone. */
  readonly reconnectMs: number;
  /** How long an ended call can tell why it ended. */
  readonly endedKeptMs: number;
  /** Asked or in at the same time. Raising it costs everybody's downlink, or the SFU's cores. */
  readonly participantsMax: number;
}

/** People ever in one call: those who left stay in the roster, and it travels whole on each change. */
export const ROSTER_MAX = 32;

export function refuse(refusal: ErrorCode, effects: readonly Effect[] = []): Step {
  return { refusal, effects };
}

export function isPending(p: Participant): p is Extract<Participant, { state: 'invited' | 'ringing' }> {
  return p.state === 'invited' || p.state === 'ringing';
}

export function isJoined(p: Participant): p is Extract<Participant, { state: 'joined' }> {
  return p.state === 'joined';
}

export function participantOf(call: LiveCall, accountId: AccountId): Participant | undefined {
  return call.participants.find((p) => p.accountId === accountId);
}

export function withParticipant(call: LiveCall, changed: Participant): LiveCall {
  return {
    ...call,
    participants: call.participants.map((p) => (p.accountId === changed.accountId ? changed : p)),
  };
}

/** The devices that a participant takes part with: the one that joined, or all that ring. */
export function devicesOf(p: Participant): Address[] {
  const devices = p.state === 'joined' ? [p.deviceId] : p.state === 'ringing' ? p.devices : [];
  return devices.map((deviceId) => ({ accountId: p.accountId, deviceId }));
}

/** Does the device ring, or is it in? */
export function isPresent(call: LiveCall, device: Address): boolean {
  const p = participantOf(call, device.accountId);
  return p !== undefined && devicesOf(p).some((present) => isSameDevice(present, device));
}

export function isSameDevice(a: Address, b: Address | undefined): boolean {
  return a.accountId === b?.accountId && a.deviceId === b.deviceId;
}

/** When whoever still rings stops; 0 when nobody does. */
export function ringsUntilMs(call: LiveCall): number {
  return Math.max(0, ...call.participants.filter(isPending).map((p) => p.ringsUntilMs));
}

/** When the call next needs a tick; Infinity when only its people can change it. */
export function nextDeadlineMs(call: Call): number {
  if (call.phase === 'ended') return Number.POSITIVE_INFINITY;
  const deadlines = call.participants.map((p) =>
    isPending(p)
      ? p.ringsUntilMs
      : isJoined(p)
        ? (p.lostUntilMs ?? Number.POSITIVE_INFINITY)
        : Number.POSITIVE_INFINITY,
  );
  return Math.min(call.aloneUntilMs ?? Number.POSITIVE_INFINITY, ...deadlines);
}
