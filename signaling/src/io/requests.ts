// Frames as the core's events: every field checked before the core sees it.
import {
  type Address,
  accountIdSchema,
  callIdSchema,
  deviceIdSchema,
  LIMITS,
  ProtocolError,
  type SignalingClientFrame,
} from '@carillon/protocol';
import { z } from 'zod';
import type { CallEvent } from '../core/call.ts';

const accounts = z
  .array(accountIdSchema)
  .min(1)
  .max(LIMITS.callParticipantsMax - 1);
const address = z.object({ accountId: accountIdSchema, deviceId: deviceIdSchema });

function checked<T>(schema: z.ZodType<T>, value: unknown): T {
  const parsed = schema.safeParse(value);
  if (!parsed.success) throw new ProtocolError('invalid-request', { cause: parsed.error });
  return parsed.data;
}

export interface CallRequest {
  readonly callId: z.infer<typeof callIdSchema>;
  readonly event: CallEvent;
}

/** @throws ProtocolError `invalid-request`, `frame-too-large`, `unknown-frame` */
export function readRequest({ body }: SignalingClientFrame, by: Address): CallRequest {
  switch (body.case) {
    case 'create': {
      const callId = checked(callIdSchema, body.value.callId);
      const named = checked(accounts, body.value.calleeAccountIds);
      const callees = [...new Set(named)].filter((accountId) => accountId !== by.accountId);
      return { callId, event: { type: 'create', by, callId, callees, video: body.value.video, room: body.value.room } };
    }
    case 'attach':
      return withId(body.value.callId, { type: 'attach', by, receivedSeq: body.value.receivedSeq });
    case 'ring':
    case 'preconnect':
    case 'accept':
      return withId(body.value.callId, { type: body.case, by });
    case 'hangUp':
      return withId(body.value.callId, { type: 'hang_up', by });
    case 'decline':
      return withId(body.value.callId, { type: refusalOf(body.value), by });
    case 'update': {
      const { callId, video, held } = body.value;
      return withId(callId, { type: 'update', by, video, held });
    }
    case 'invite':
      return withId(body.value.callId, { type: 'invite', by, accounts: checked(accounts, body.value.accountIds) });
    case 'relay': {
      const { sealed } = body.value;
      if (sealed.length === 0) throw new ProtocolError('invalid-request');
      if (sealed.length > LIMITS.sealedSignalBytesMax) throw new ProtocolError('frame-too-large');
      // A copy: the parsed bytes are a view of the socket's buffer, and an outbox would hold on to all of it.
      const copy = new Uint8Array(sealed);
      return withId(body.value.callId, { type: 'relay', by, to: checked(address, body.value.to), sealed: copy });
    }
    case 'room':
      return withId(body.value.callId, { type: 'room', by, node: undefined });
    // A report is no event of a call: qualityReports.ts.
    case 'qualityReport':
    case 'hello':
    case undefined:
      throw new ProtocolError('unknown-frame');
    default:
      throw body satisfies never;
  }
}

function refusalOf({ busy, needsPermission }: { busy: boolean; needsPermission: boolean }) {
  if (busy) return 'busy';
  return needsPermission ? 'needs_permission' : 'decline';
}

function withId(callId: string, event: CallEvent): CallRequest {
  return { callId: checked(callIdSchema, callId), event };
}
