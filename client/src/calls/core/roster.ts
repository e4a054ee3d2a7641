// Who is in the call, as signaling tells it: the whole roster on every change.
import {
  type AccountId,
  type Address,
  type CallId,
  CallMode,
  type DeviceId,
  EndReason,
  ParticipantState,
  type CallState as WireCallState,
} from '@carillon/protocol';
import type { CallEndReason, RemoteParticipant } from '../../model.ts';

export type ParticipantPhase = RemoteParticipant['state'];

export interface Participant {
  readonly accountId: AccountId;
  readonly state: ParticipantPhase;
  /** The device that joined; undefined before. */
  readonly device: Address | undefined;
  /** New at every join, from 1; 0 before the first. */
  readonly number: number;
  /** While joined, as that device says: it sends pictures; it holds the call. */
  readonly video: boolean;
  readonly held: boolean;
}

export interface Snapshot {
  readonly callId: CallId;
  /** Grows by one with each change. */
  readonly revision: number;
  readonly mode: 'peer' | 'room';
  readonly video: boolean;
  /** When whoever still rings stops ringing, Unix milliseconds; 0: nobody rings. */
  readonly ringsUntilMs: number;
  readonly participants: readonly Participant[];
}

const PHASES: Readonly<Record<ParticipantState, ParticipantPhase>> = {
  [ParticipantState.UNSPECIFIED]: 'left',
  [ParticipantState.INVITED]: 'invited',
  [ParticipantState.RINGING]: 'ringing',
  [ParticipantState.JOINED]: 'joined',
  [ParticipantState.LEFT]: 'left',
  [ParticipantState.DECLINED]: 'declined',
  [ParticipantState.BUSY]: 'busy',
  [ParticipantState.EXPIRED]: 'expired',
};

const REASONS: Readonly<Record<EndReason, CallEndReason>> = {
  [EndReason.UNSPECIFIED]: 'failed',
  [EndReason.HUNG_UP]: 'hung-up',
  [EndReason.DECLINED]: 'declined',
  [EndReason.BUSY]: 'busy',
  [EndReason.CANCELLED]: 'cancelled',
  [EndReason.EXPIRED]: 'expired',
  [EndReason.ACCEPTED_ELSEWHERE]: 'accepted-elsewhere',
  [EndReason.DECLINED_ELSEWHERE]: 'declined-elsewhere',
  [EndReason.CONNECTION_LOST]: 'connection-lost',
  [EndReason.BUSY_ELSEWHERE]: 'busy-elsewhere',
  [EndReason.NEEDS_PERMISSION]: 'needs-permission',
};

export function endReason(reason: EndReason): CallEndReason {
  return REASONS[reason] ?? 'failed';
}

export function snapshotOf(state: WireCallState): Snapshot {
  return {
    callId: state.callId as CallId,
    revision: state.revision,
    mode: state.mode === CallMode.ROOM ? 'room' : 'peer',
    video: state.video,
    ringsUntilMs: Number(state.ringsUntilMs),
    participants: state.participants.map((participant) => ({
      accountId: participant.accountId as AccountId,
      state: PHASES[participant.state] ?? 'left',
      device:
        participant.deviceId === 0
          ? undefined
          : { accountId: participant.accountId as AccountId, deviceId: participant.deviceId as DeviceId },
      number: participant.number,
      video: participant.video,
      held: participant.held,
    })),
  };
}

/** Each account and each number once: two with one number would be shown with the same picture. */
export function isSound({ participants }: Snapshot): boolean {
  const numbers = participants.map(({ number }) => number).filter((number) => number > 0);
  const accounts = participants.map(({ accountId }) => accountId);
  return new Set(numbers).size === numbers.length && new Set(accounts).size === accounts.length;
}

export interface Joined {
  readonly device: Address;
  readonly number: number;
}

/** Everyone whose device is in the call, but this account. */
export function joinedOthers(participants: readonly Participant[], self: AccountId): Joined[] {
  return participants.flatMap(({ accountId, state, device, number }) =>
    state === 'joined' && device && accountId !== self ? [{ device, number }] : [],
  );
}
