// The messages of the conversation that is open; only those that have been
// scrolled to are held in memory.
import type { ConversationId, Message, MessageId } from '@carillon/client';
import { batch, signal } from '@preact/signals';
import { place } from '../layout/timeline.ts';
import { attempt } from './attempt.ts';
import { conversationOf } from './conversations.ts';
import { carillon } from './session.ts';

/** A screenful and a half on a large screen; more makes opening slower, fewer makes scrolling stutter. */
const PAGE = 40;

export const shownFor = signal<ConversationId | undefined>(undefined);
export const messages = signal<readonly Message[]>([]);
export const loading = signal(false);
export const allLoaded = signal(false);
/** Where the person had stopped reading when the conversation was opened. */
export const unreadFrom = signal<MessageId | undefined>(undefined);

export async function loadMessages(id: ConversationId): Promise<void> {
  const unread = conversationOf(id)?.unread ?? 0;
  batch(() => {
    shownFor.value = id;
    messages.value = [];
    allLoaded.value = false;
    unreadFrom.value = undefined;
    loading.value = true;
  });
  const limit = Math.max(PAGE, Math.min(unread + 5, PAGE * 5));
  const page = await attempt(() => carillon().messages(id, { limit }));
  if (shownFor.value !== id) return;
  batch(() => {
    // Messages that came by event while the page was read are kept.
    messages.value = (page ?? []).reduceRight<readonly Message[]>(
      (held, message) => (held.some((other) => other.id === message.id) ? held : place(held, message)),
      messages.value,
    );
    allLoaded.value = page !== undefined && page.length < limit;
    // By number and not by status: what is open is marked as read while the page is still being fetched.
    unreadFrom.value = unread > 0 ? page?.filter((message) => !message.outgoing).at(-unread)?.id : undefined;
    loading.value = false;
  });
}

export async function loadOlder(): Promise<void> {
  const id = shownFor.value;
  const oldest = messages.value[0];
  if (id === undefined || oldest === undefined || loading.value || allLoaded.value) return;
  loading.value = true;
  const page = await attempt(() => carillon().messages(id, { beforeMs: oldest.sentAtMs, limit: PAGE }));
  if (shownFor.value !== id) return;
  batch(() => {
    const known = new Set(messages.value.map((message) => message.id));
    const older = (page ?? []).filter((message) => !known.has(message.id));
    messages.value = [...older, ...messages.value];
    allLoaded.value = page !== undefined && page.length < PAGE;
    loading.value = false;
  });
}

export function messageChanged(message: Message): void {
  if (message.conversation !== shownFor.value) return;
  const oldest = messages.value[0];
  const known = messages.value.some((other) => other.id === message.id);
  // A change to a message that has not been scrolled to is seen when it is loaded.
  if (!known && !allLoaded.value && oldest !== undefined && message.sentAtMs < oldest.sentAtMs) return;
  messages.value = place(messages.value, message);
}

export function forgetMessages(): void {
  batch(() => {
    shownFor.value = undefined;
    messages.value = [];
    unreadFrom.value = undefined;
  });
}
