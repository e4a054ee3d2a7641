// Putting messages into a conversation: our own, received ones, notices and calls.

import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import type { AccountId, CallId, ConversationId, MessageId } from '@carillon/protocol';
import { bytesToBase64url, isGroupId } from '@carillon/protocol';
import { readGroup } from '../groups/groupRecord.ts';
import type { CallOutcome, Contact, GroupReceipts, Message, MessageBody } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';
import { readConversationRecord, touchConversation } from './conversations.ts';
import { addMessage, findMessage, lastMessage, updateMessage } from './history.ts';

export function newMessageId(crypto: CryptoProvider): MessageId {
  return bytesToBase64url(crypto.randomBytes(16)) as MessageId;
}

/** Placed after what is there, also when this device's clock is behind the server's. */
export async function addOutgoing(
  tx: StoreTransaction,
  changes: Changes,
  message: { id: MessageId; conversation: ConversationId; body: MessageBody },
  nowMs: number,
): Promise<Message> {
  const conversation = await readConversationRecord(tx, message.conversation);
  const sentAtMs = Math.max(nowMs, (conversation?.updatedAtMs ?? 0) + 1);
  const added = await addMessage(tx, changes, {
    ...message,
    outgoing: true,
    author: undefined,
    sentAtMs,
    status: 'sending',
    receipts: await expectedReceipts(tx, message.conversation),
    failure: undefined,
  });
  // Who answers has accepted.
  await touchConversation(tx, message.conversation, added.sentAtMs, { accepted: true });
  return added;
}

/** In a group: nobody of those who are in it now, yet. */
async function expectedReceipts(tx: StoreTransaction, id: ConversationId): Promise<GroupReceipts | undefined> {
  const group = isGroupId(id) ? await readGroup(tx, id) : undefined;
  return group && { delivered: 0, read: 0, of: Math.max(0, group.members.length - 1) };
}

/** False when the id is taken: a peer may not replace what is there. */
export async function addIncoming(
  tx: StoreTransaction,
  changes: Changes,
  message: {
    id: MessageId;
    conversation: ConversationId;
    body: MessageBody;
    acceptedAtMs: number;
    /** In a group. */
    author?: Contact;
  },
): Promise<boolean> {
  if (await findMessage(tx, message.id)) return false;
  const { acceptedAtMs, author, ...rest } = message;
  const added = await addMessage(tx, changes, {
    ...rest,
    outgoing: false,
    author,
    sentAtMs: acceptedAtMs,
    status: 'unread',
    receipts: undefined,
    failure: undefined,
  });
  await touchConversation(tx, message.conversation, added.sentAtMs, { unread: 1, heard: true });
  return true;
}

/** Said once: the same words are not repeated right below themselves. */
export async function addNotice(
  tx: StoreTransaction,
  changes: Changes,
  notice: { id: MessageId; conversation: ConversationId; words: string; atMs: number },
): Promise<void> {
  const last = await lastMessage(tx, notice.conversation);
  if (last?.body.type === 'notice' && last.body.words === notice.words) return;
  const added = await addMessage(tx, changes, {
    id: notice.id,
    conversation: notice.conversation,
    outgoing: false,
    author: undefined,
    body: { type: 'notice', words: notice.words },
    sentAtMs: notice.atMs,
    status: 'read',
    receipts: undefined,
    failure: undefined,
  });
  await touchConversation(tx, notice.conversation, added.sentAtMs);
}

export interface CallEntry {
  readonly with: AccountId;
  readonly callId: CallId;
  readonly outgoing: boolean;
  readonly outcome: CallOutcome;
  readonly video: boolean;
  readonly startedAtMs: number;
  readonly durationMs: number;
  /** Only the other side says so: that a call was held does not make a stranger accepted. */
  readonly claimed?: boolean;
  /** Begun by a call link: who came by one is not accepted for more. */
  readonly byLink?: boolean;
  /** Nobody says so: it is what this device makes of having heard nothing. */
  readonly concluded?: boolean;
}

/**
 * One entry for each call and conversation, whoever tells of it first: this
 * device, or the caller's log. That it was held is never taken back.
 */
export async function recordCall(tx: StoreTransaction, changes: Changes, call: CallEntry): Promise<void> {
  const { callId, outcome, video, durationMs } = call;
  const body: MessageBody = { type: 'call', callId, outcome, video, durationMs };
  // A call id has the form of a message id, and is as random.
  const id = callId as string as MessageId;
  const old = await findMessage(tx, id);
  if (old) {
    if (old.conversation !== call.with || old.body.type !== 'call' || old.body.outcome === 'completed') return;
    if (call.concluded) return;
    // It was taken for missed, and another device of the account had it.
    const isRead = old.status === 'unread' && outcome !== 'missed' && !call.claimed;
    await updateMessage(tx, changes, { ...old, body, ...(isRead ? { status: 'read' } : {}) });
    if (isRead) await touchConversation(tx, call.with, 0, { unread: -1 });
    return;
  }
  const missed = outcome === 'missed' && !call.outgoing;
  const added = await addMessage(tx, changes, {
    id,
    conversation: call.with,
    outgoing: call.outgoing,
    author: undefined,
    body,
    sentAtMs: call.startedAtMs,
    status: call.outgoing ? 'read' : missed ? 'unread' : 'read',
    receipts: undefined,
    failure: undefined,
  });
  await touchConversation(tx, call.with, added.sentAtMs, {
    unread: missed ? 1 : 0,
    // Of a call by a link both have wanted it: neither is to the other somebody who wrote unasked.
    heard: !call.outgoing && !call.byLink,
    accepted: !call.byLink && (call.outgoing || (outcome === 'completed' && !call.claimed)),
  });
}
