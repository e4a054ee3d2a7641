// Who is writing and who is here, of the conversation that is open, and what
// the person lets others know of themselves.
import type { AccountId, Contact, ConversationId, PresenceView, Settings, TypingSign } from '@carillon/client';
import { computed, signal } from '@preact/signals';
import { attempt } from './attempt.ts';
import { carillon } from './session.ts';

export const settings = signal<Settings | undefined>(undefined);
export const presence = signal<ReadonlyMap<AccountId, PresenceView>>(new Map());
const writing = signal<ReadonlyMap<string, TypingSign>>(new Map());
/** Of large groups: how many members have been given the key of what was just written. */
export const keysHanded = signal<ReadonlyMap<ConversationId, { readonly done: number; readonly total: number }>>(
  new Map(),
);

/** By conversation, in the order in which they began. */
export const typists = computed(() => {
  const all = new Map<ConversationId, Contact[]>();
  for (const { conversation, contact } of writing.value.values()) {
    all.set(conversation, [...(all.get(conversation) ?? []), contact]);
  }
  return all;
});

export function typingChanged(sign: TypingSign): void {
  const key = `${sign.conversation}/${sign.contact.accountId}`;
  const next = new Map(writing.value);
  if (sign.typing) next.set(key, sign);
  else next.delete(key);
  writing.value = next;
}

export function presenceChanged(view: PresenceView): void {
  presence.value = new Map(presence.value).set(view.accountId, view);
}

export function keysHandedChanged(group: ConversationId, done: number, total: number): void {
  const next = new Map(keysHanded.value);
  if (done < total) next.set(group, { done, total });
  else next.delete(group);
  keysHanded.value = next;
}

export async function changeSettings(change: Partial<Settings>): Promise<void> {
  const before = settings.value;
  // At once, so that the switch moves under the finger.
  if (before !== undefined) settings.value = { ...before, ...change };
  const after = await attempt(() => carillon().setSettings(change));
  settings.value = after ?? before;
}

export function forgetSocial(): void {
  settings.value = undefined;
  presence.value = new Map();
  writing.value = new Map();
  keysHanded.value = new Map();
}

/** Presence and signs of writing come while the conversation is open and the page is in front of the person. */
export function followPeople(id: ConversationId): () => void {
  let stop: (() => void) | undefined;
  const look = () => {
    if (document.visibilityState === 'visible') stop ??= carillon().openConversation(id);
    else {
      stop?.();
      stop = undefined;
    }
  };
  look();
  document.addEventListener('visibilitychange', look);
  return () => {
    document.removeEventListener('visibilitychange', look);
    stop?.();
  };
}
