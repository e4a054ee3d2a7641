// What this device tells the account's other devices: copies of what it sent,
// how far the person has read, and whatever else is to be the same everywhere.
// An account with one device tells nobody.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { unpad } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type CallLogEntrySchema,
  ContentSchema,
  type ConversationId,
  isGroupId,
  type MessageId,
  ProtocolError,
} from '@carillon/protocol';
import { newMessageId } from '../conversations/writing.ts';
import { encodeContent } from '../messaging/content.ts';
import type { ContentBody } from '../messaging/contentChannel.ts';
import { enqueue } from '../messaging/outbox.ts';
import type { Account } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import { otherDevices } from './ownAccount.ts';

export interface CopyParts {
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly account: () => Account;
}

/** True when there is something to send to the own account: its lane is to be kicked. */
export async function tellOwnDevices(tx: StoreTransaction, parts: CopyParts, body: ContentBody): Promise<boolean> {
  const account = parts.account();
  if ((await otherDevices(tx, account)).length === 0) return false;
  const { crypto, now } = parts.platform;
  const content = encodeContent(account, body, now());
  try {
    await enqueue(tx, { messageId: newMessageId(crypto), to: account.accountId, content });
  } catch (error) {
    // Devices that have been away for ten thousand messages must not keep this one from sending.
    if (!(error instanceof ProtocolError) || error.code !== 'queue-full') throw error;
    return false;
  }
  return true;
}

/** Of a message that the server has taken: `content` as it was padded for it. */
export function copySent(
  tx: StoreTransaction,
  parts: CopyParts,
  sent: { readonly to: ConversationId; readonly messageId: MessageId; readonly content: Uint8Array },
): Promise<boolean> {
  const value = {
    accountId: isGroupId(sent.to) ? '' : sent.to,
    messageId: sent.messageId,
    content: unpad(sent.content) as Uint8Array<ArrayBuffer>,
  };
  return tellOwnDevices(tx, parts, { case: 'sentCopy', value });
}

/** A call of this device; who called is told by whose handle the inner content bears. */
export function copyCall(
  tx: StoreTransaction,
  parts: CopyParts,
  call: {
    readonly with: AccountId;
    readonly outgoing: boolean;
    readonly entry: MessageInitShape<typeof CallLogEntrySchema>;
  },
): Promise<boolean> {
  const inner = create(ContentSchema, {
    senderHandle: call.outgoing ? parts.account().handle : '',
    body: { case: 'callLog', value: call.entry },
  });
  const value = {
    accountId: call.with,
    messageId: newMessageId(parts.platform.crypto),
    content: toBinary(ContentSchema, inner),
  };
  return tellOwnDevices(tx, parts, { case: 'sentCopy', value });
}

/** @throws Error when it is no content */
export const innerContent = (content: Uint8Array) => fromBinary(ContentSchema, content);
