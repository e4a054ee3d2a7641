// The list of conversations, newest first, and the search in it.
import type { AccountId, Conversation, ConversationId, DirectConversation } from '@carillon/client';
import { computed, signal } from '@preact/signals';
import { previewOf } from '../words/preview.ts';
import { carillon } from './session.ts';

const byAccount = signal<ReadonlyMap<AccountId, DirectConversation>>(new Map());
export const listLoaded = signal(false);
export const search = signal('');

const isDirect = (conversation: Conversation): conversation is DirectConversation => conversation.with !== undefined;

export const conversations = computed(() =>
  [...byAccount.value.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs),
);

export const found = computed(() => {
  const wanted = search.value.trim().toLocaleLowerCase('en').replace(/^@/, '');
  if (wanted === '') return conversations.value;
  return conversations.value.filter((conversation) =>
    [conversation.with.name, conversation.with.handle, previewOf(conversation.lastMessage)].some((text) =>
      text.toLocaleLowerCase('en').includes(wanted),
    ),
  );
});

export const unreadTotal = computed(() =>
  conversations.value.reduce((total, conversation) => total + conversation.unread, 0),
);

export function conversationWith(id: ConversationId): DirectConversation | undefined {
  return byAccount.value.get(id as AccountId);
}

export function conversationByHandle(handle: string): DirectConversation | undefined {
  return conversations.value.find((conversation) => conversation.with.handle === handle);
}

export function conversationChanged(conversation: Conversation): void {
  if (isDirect(conversation)) byAccount.value = new Map(byAccount.value).set(conversation.with.accountId, conversation);
}

export async function loadConversations(): Promise<void> {
  const all = await carillon().conversations();
  byAccount.value = new Map(all.filter(isDirect).map((conversation) => [conversation.with.accountId, conversation]));
  listLoaded.value = true;
}

export function forgetConversations(): void {
  byAccount.value = new Map();
  listLoaded.value = false;
  search.value = '';
}
