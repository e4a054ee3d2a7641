// What has been typed and not yet sent, by conversation: for the life of the
// tab, over reloads. sessionStorage and not localStorage, so that it is gone with the tab.
import type { ConversationId } from '@carillon/client';

const key = (id: ConversationId) => `draft:${id}`;

export function draftOf(id: ConversationId): string {
  return sessionStorage.getItem(key(id)) ?? '';
}

export function keepDraft(id: ConversationId, text: string): void {
  if (text === '') sessionStorage.removeItem(key(id));
  else sessionStorage.setItem(key(id), text);
}
