import type { CallEndReason, CallOutcome, NetworkQuality } from '@carillon/client';
import { duration } from './time.ts';

export interface CallEntry {
  readonly outgoing: boolean;
  readonly outcome: CallOutcome;
  readonly video: boolean;
  readonly durationMs: number;
}

/** A finished call as a line in the chat. */
export function callEntryWords(call: CallEntry): string {
  const kind = call.video ? 'video call' : 'voice call';
  const Kind = call.video ? 'Video call' : 'Voice call';
  switch (call.outcome) {
    case 'completed':
      return `${Kind}, ${duration(call.durationMs)}`;
    case 'missed':
      return call.outgoing ? `${Kind}, no answer` : `Missed ${kind}`;
    case 'declined':
      return call.outgoing ? `${Kind}, declined` : `You declined a ${kind}`;
    default:
      return call.outcome satisfies never;
  }
}

export function qualityWords(quality: NetworkQuality): string {
  return ['Connection not measured yet', 'Poor connection', 'Fair connection', 'Good connection'][quality] ?? '';
}

/** Shown when the SDK gave no words of its own. */
export function endWords(reason: CallEndReason | undefined): string {
  switch (reason) {
    case undefined:
    case 'hung-up':
      return 'Call ended';
    case 'declined':
      return 'The call was declined';
    case 'busy':
      return 'Busy in another call';
    case 'cancelled':
      return 'The call was cancelled';
    case 'expired':
      return 'No answer';
    case 'accepted-elsewhere':
      return 'Answered on another device';
    case 'declined-elsewhere':
      return 'Declined on another device';
    case 'busy-elsewhere':
      return 'Missed call';
    case 'needs-permission':
      return 'They have to accept you as a contact first';
    case 'connection-lost':
      return 'The connection was lost';
    case 'failed':
      return 'The call did not work';
    default:
      return reason satisfies never;
  }
}
