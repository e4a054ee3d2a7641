// Which conversation is open, kept in the address, so that reload and the
// back button do what people expect: `#/chat/<handle>` and `#/group/<group id>`.
import type { Conversation } from '@carillon/client';
import { computed, signal } from '@preact/signals';
import { conversations } from './conversations.ts';

const PREFIX = '#/';
const PLACE = /^(chat|group)\/.+$/;

/** A conversation's place in the address; a person's is their handle, which says more than an id. */
export function placeOf(conversation: Conversation): string {
  return conversation.with === undefined ? `group/${conversation.id}` : `chat/${conversation.with.handle}`;
}

function placeInAddress(): string | undefined {
  if (!location.hash.startsWith(PREFIX)) return undefined;
  try {
    const place = decodeURIComponent(location.hash.slice(PREFIX.length));
    return PLACE.test(place) ? place : undefined;
  } catch {
    return undefined;
  }
}

export const openPlace = signal(placeInAddress());
export const openConversation = computed(() => {
  const place = openPlace.value;
  return place === undefined ? undefined : conversations.value.find((conversation) => placeOf(conversation) === place);
});

export function followAddress(): void {
  addEventListener('hashchange', () => {
    openPlace.value = placeInAddress();
  });
}

export function showConversation(conversation: Conversation): void {
  const place = placeOf(conversation);
  location.hash = PREFIX + place.split('/').map(encodeURIComponent).join('/');
  openPlace.value = place;
}

export function showList(): void {
  // An empty hash would scroll and leave a `#`; this keeps the history entry clean.
  history.pushState(undefined, '', location.pathname + location.search);
  openPlace.value = undefined;
}
