// Conversations: one for each account that was written to or heard from.
import type { AccountId } from '@carillon/protocol';
import { contactView, hasChangedIdentity, readContact } from '../contacts/contactRecord.ts';
import type { Conversation } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { lastMessage } from './history.ts';

export interface ConversationRecord {
  readonly accountId: AccountId;
  readonly unread: number;
  readonly updatedAtMs: number;
}

export const readConversationRecord = (
  tx: StoreTransaction,
  accountId: AccountId,
): Promise<ConversationRecord | undefined> => tx.get<ConversationRecord>('conversations', accountId);

/** Opens it if need be; its time only moves forward. */
export async function touchConversation(
  tx: StoreTransaction,
  accountId: AccountId,
  atMs: number,
  unreadMore = 0,
): Promise<ConversationRecord> {
  const old = await readConversationRecord(tx, accountId);
  const record: ConversationRecord = {
    accountId,
    unread: (old?.unread ?? 0) + unreadMore,
    updatedAtMs: Math.max(old?.updatedAtMs ?? 0, atMs),
  };
  await tx.put('conversations', accountId, record);
  return record;
}

export async function clearUnread(tx: StoreTransaction, record: ConversationRecord): Promise<void> {
  await tx.put('conversations', record.accountId, { ...record, unread: 0 } satisfies ConversationRecord);
}

export async function readConversation(tx: StoreTransaction, accountId: string): Promise<Conversation | undefined> {
  const record = await readConversationRecord(tx, accountId as AccountId);
  const contact = await readContact(tx, accountId as AccountId);
  if (!record || !contact) return undefined;
  return {
    with: contactView(contact),
    lastMessage: await lastMessage(tx, accountId),
    unread: record.unread,
    updatedAtMs: record.updatedAtMs,
    identityChanged: hasChangedIdentity(contact),
  };
}

/** Newest first. */
export async function listConversations(tx: StoreTransaction): Promise<Conversation[]> {
  const rows = await tx.list<ConversationRecord>('conversations');
  rows.sort((a, b) => b.value.updatedAtMs - a.value.updatedAtMs);
  const all: Conversation[] = [];
  for (const { key } of rows) {
    const conversation = await readConversation(tx, key);
    if (conversation) all.push(conversation);
  }
  return all;
}
