// What a send must look like before it is worth asking the store about.
import {
  type AccountId,
  type Address,
  accountIdSchema,
  type DeviceId,
  deviceIdSchema,
  EnvelopeKind,
  type GroupId,
  type GroupSendRequest,
  groupIdSchema,
  LIMITS,
  messageIdSchema,
  ProtocolError,
  type SendRequest,
} from '@carillon/protocol';
import type { EnvelopeKindCode, NewGroupMessage, NewMessage } from './messagingStore.ts';

/** @throws ProtocolError `invalid-request`, `frame-too-large` */
export function checkedMessage(request: SendRequest, from: Address, ageMaxMs: number, nowMs: number): NewMessage {
  const { messageId, envelopes, urgent, expiresAtMs } = request;
  if (envelopes.length > LIMITS.envelopesPerSendMax) throw new ProtocolError('invalid-request');
  const message: NewMessage = {
    from,
    messageId: parsed(messageIdSchema.safeParse(messageId)),
    to: checkedAccountId(request.recipientAccountId),
    urgent,
    acceptedAtMs: nowMs,
    expiresAtMs: checkedExpiry(expiresAtMs, ageMaxMs, nowMs),
    after: request.afterMessageId === '' ? undefined : parsed(messageIdSchema.safeParse(request.afterMessageId)),
    envelopes: envelopes.map(({ deviceId, kind, ciphertext }) => ({
      deviceId: checkedDeviceId(deviceId),
      kind: checkedKind(kind),
      ciphertext: checkedCiphertext(ciphertext),
    })),
  };
  const named = new Set(message.envelopes.map((envelope) => envelope.deviceId));
  if (named.size !== message.envelopes.length) throw new ProtocolError('invalid-request');
  return message;
}

/** @throws ProtocolError `invalid-request`, `frame-too-large` */
export function checkedGroupMessage(
  request: GroupSendRequest,
  from: Address,
  ageMaxMs: number,
  nowMs: number,
): NewGroupMessage {
  if (request.devicesRevision > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError('invalid-request');
  return {
    from,
    messageId: parsed(messageIdSchema.safeParse(request.messageId)),
    groupId: checkedGroupId(request.groupId),
    rosterRevision: request.rosterRevision,
    devicesRevision: Number(request.devicesRevision),
    urgent: request.urgent,
    acceptedAtMs: nowMs,
    expiresAtMs: checkedExpiry(request.expiresAtMs, ageMaxMs, nowMs),
    ciphertext: checkedCiphertext(request.ciphertext),
  };
}

/** A sender may shorten an envelope's life, never lengthen it. */
function checkedExpiry(expiresAtMs: bigint, ageMaxMs: number, nowMs: number): number {
  const oldest = nowMs + ageMaxMs;
  return expiresAtMs === 0n || expiresAtMs > BigInt(oldest) ? oldest : Number(expiresAtMs);
}

function checkedCiphertext(ciphertext: Uint8Array): Uint8Array {
  if (ciphertext.length > LIMITS.envelopeBytesMax) throw new ProtocolError('frame-too-large');
  if (ciphertext.length === 0) throw new ProtocolError('invalid-request');
  return ciphertext;
}

/** @throws ProtocolError `invalid-request` */
export function checkedGroupId(text: string): GroupId {
  return parsed(groupIdSchema.safeParse(text));
}

/** @throws ProtocolError `invalid-request` */
export function checkedAccountId(text: string): AccountId {
  return parsed(accountIdSchema.safeParse(text));
}

/** @throws ProtocolError `invalid-request` */
export function checkedDeviceId(id: number): DeviceId {
  return parsed(deviceIdSchema.safeParse(id));
}

function checkedKind(kind: EnvelopeKind): EnvelopeKindCode {
  if (kind === EnvelopeKind.PREKEY) return 1;
  if (kind === EnvelopeKind.RATCHET) return 2;
  throw new ProtocolError('invalid-request');
}

function parsed<T>(result: { success: true; data: T } | { success: false; error: unknown }): T {
  if (result.success) return result.data;
  throw new ProtocolError('invalid-request', { cause: result.error });
}
