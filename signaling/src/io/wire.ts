// The core's calls as frames.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  CallMode,
  type CallStateSchema,
  EndReason as WireEndReason,
  ParticipantState as WireState,
} from '@carillon/protocol';
import { type EndReason, isJoined, type LiveCall, type ParticipantState, ringsUntilMs } from '../core/call.ts';

const STATES = {
  invited: WireState.INVITED,
  ringing: WireState.RINGING,
  joined: WireState.JOINED,
  left: WireState.LEFT,
  declined: WireState.DECLINED,
  busy: WireState.BUSY,
  expired: WireState.EXPIRED,
} as const satisfies Record<ParticipantState, WireState>;

export const END_REASONS = {
  'hung-up': WireEndReason.HUNG_UP,
  declined: WireEndReason.DECLINED,
  busy: WireEndReason.BUSY,
  cancelled: WireEndReason.CANCELLED,
  expired: WireEndReason.EXPIRED,
  'accepted-elsewhere': WireEndReason.ACCEPTED_ELSEWHERE,
  'declined-elsewhere': WireEndReason.DECLINED_ELSEWHERE,
  'busy-elsewhere': WireEndReason.BUSY_ELSEWHERE,
  'needs-permission': WireEndReason.NEEDS_PERMISSION,
  'connection-lost': WireEndReason.CONNECTION_LOST,
} as const satisfies Record<EndReason, WireEndReason>;

export function callStateOf(call: LiveCall): MessageInitShape<typeof CallStateSchema> {
  return {
    callId: call.callId,
    revision: call.revision,
    mode: call.mode === 'peer' ? CallMode.PEER : CallMode.ROOM,
    video: call.video,
    createdBy: call.createdBy,
    ringsUntilMs: BigInt(ringsUntilMs(call)),
    participants: call.participants.map((p) => ({
      accountId: p.accountId,
      state: STATES[p.state],
      deviceId: p.deviceId,
      number: p.number,
      video: isJoined(p) && p.video,
      held: isJoined(p) && p.held,
    })),
  };
}
