// Conversations: one for each account that was written to or heard from, and for each group.
import { type AccountId, type ConversationId, isGroupId } from '@carillon/protocol';
import { contactView, hasChangedIdentity, readContact } from '../contacts/contactRecord.ts';
import { readGroupView } from '../groups/groupView.ts';
import type { Conversation, GroupView } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { isBlocked } from '../social/blocks.ts';
import { lastMessage } from './history.ts';

export interface ConversationRecord {
  readonly id: ConversationId;
  readonly unread: number;
  readonly updatedAtMs: number;
  /** We began it, answered in it, or said yes to it; before, the others learn nothing of us. */
  readonly accepted: boolean;
  /** Something came from them. */
  readonly heard: boolean;
}

export const readConversationRecord = (
  tx: StoreTransaction,
  id: ConversationId,
): Promise<ConversationRecord | undefined> => tx.get<ConversationRecord>('conversations', id);

const NEW = { unread: 0, updatedAtMs: 0, accepted: false, heard: false } as const;

/** Opens it if need be; its time only moves forward. */
export async function touchConversation(
  tx: StoreTransaction,
  id: ConversationId,
  atMs: number,
  more: { readonly unread?: number; readonly accepted?: boolean; readonly heard?: boolean } = {},
): Promise<ConversationRecord> {
  const known = await readConversationRecord(tx, id);
  const old = known ?? { ...NEW, accepted: (await tx.get('social', acceptedKey(id))) === true };
  const record: ConversationRecord = {
    id,
    unread: old.unread + (more.unread ?? 0),
    updatedAtMs: Math.max(old.updatedAtMs, atMs),
    accepted: old.accepted || more.accepted === true,
    heard: old.heard || more.heard === true,
  };
  await tx.put('conversations', id, record);
  return record;
}

const acceptedKey = (id: ConversationId) => `accepted/${id}`;

/** Also before there is anything to show of it. */
export async function acceptConversation(tx: StoreTransaction, id: ConversationId): Promise<void> {
  const record = await readConversationRecord(tx, id);
  if (record) await tx.put('conversations', id, { ...record, accepted: true } satisfies ConversationRecord);
  else await tx.put('social', acceptedKey(id), true);
}

/** Out of the list; whom the person has accepted stays so. */
export async function forgetConversation(tx: StoreTransaction, id: ConversationId): Promise<void> {
  const record = await readConversationRecord(tx, id);
  if (record?.accepted) await tx.put('social', acceptedKey(id), true);
  await tx.delete('conversations', id);
}

export async function setUnread(tx: StoreTransaction, record: ConversationRecord, unread: number): Promise<void> {
  await tx.put('conversations', record.id, { ...record, unread } satisfies ConversationRecord);
}

/** Whether this account, or group, may learn of us: that something arrived, was read, that we write or are there. */
export async function isAccepted(tx: StoreTransaction, id: ConversationId): Promise<boolean> {
  const record = await readConversationRecord(tx, id);
  const accepted = record ? record.accepted : (await tx.get('social', acceptedKey(id))) === true;
  return accepted && !(await isBlocked(tx, id));
}

/** `known`: the group as it was read before. */
export async function readConversation(
  tx: StoreTransaction,
  id: string,
  known?: GroupView,
): Promise<Conversation | undefined> {
  const record = await readConversationRecord(tx, id as ConversationId);
  if (!record) return undefined;
  const common = {
    id: record.id,
    lastMessage: await lastMessage(tx, record.id),
    unread: record.unread,
    updatedAtMs: record.updatedAtMs,
    request: record.heard && !record.accepted,
  };
  if (isGroupId(id)) {
    const group = known ?? (await readGroupView(tx, id));
    if (!group) return undefined;
    return { ...common, title: group.name, with: undefined, group, identityChanged: false, blocked: false };
  }
  const contact = await readContact(tx, id as AccountId);
  if (!contact) return undefined;
  return {
    ...common,
    title: contact.name,
    with: contactView(contact),
    group: undefined,
    identityChanged: hasChangedIdentity(contact),
    blocked: await isBlocked(tx, record.id),
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
