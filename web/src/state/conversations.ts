// The list of conversations, newest first, and the search in it.
import type { Contact, Conversation, ConversationId } from '@carillon/client';
import { computed, signal } from '@preact/signals';
import { previewOf } from '../words/preview.ts';
import { carillon } from './session.ts';

const byId = signal<ReadonlyMap<ConversationId, Conversation>>(new Map());
export const listLoaded = signal(false);
export const search = signal('');

export const conversations = computed(() => [...byId.value.values()].sort((a, b) => b.updatedAtMs - a.updatedAtMs));

export const found = computed(() => {
  const wanted = search.value.trim().toLocaleLowerCase('en').replace(/^@/, '');
  if (wanted === '') return conversations.value;
  return conversations.value.filter((conversation) =>
    [conversation.title, conversation.with?.handle ?? '', previewOf(conversation.lastMessage)].some((text) =>
      text.toLocaleLowerCase('en').includes(wanted),
    ),
  );
});

/** People to choose from, the last spoken to first: whoever we have accepted and not blocked. */
export const people = computed<readonly Contact[]>(() =>
  conversations.value.flatMap(({ with: contact, request, blocked }) =>
    contact === undefined || request || blocked ? [] : [contact],
  ),
);

export const unreadTotal = computed(() =>
  conversations.value.reduce((total, conversation) => total + conversation.unread, 0),
);

export function conversationOf(id: ConversationId): Conversation | undefined {
  return byId.value.get(id);
}

export function conversationChanged(conversation: Conversation): void {
  byId.value = new Map(byId.value).set(conversation.id, conversation);
}

export function conversationDeleted(id: ConversationId): void {
  const left = new Map(byId.value);
  left.delete(id);
  byId.value = left;
}

export async function loadConversations(): Promise<void> {
  const all = await carillon().conversations();
  byId.value = new Map(all.map((conversation) => [conversation.id, conversation]));
  listLoaded.value = true;
}

export function forgetConversations(): void {
  byId.value = new Map();
  listLoaded.value = false;
  search.value = '';
}
