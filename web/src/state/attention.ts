// What reaches a person who looks elsewhere: the page's title, and
// notifications by the browser, if allowed.
import type { CallView, KnockView, Message } from '@carillon/client';
import { effect, signal } from '@preact/signals';
import { previewWords } from '../words/preview.ts';
import { announce } from './announcer.ts';
import { incomingCall, peopleIn } from './call.ts';
import { conversationOf, unreadTotal } from './conversations.ts';
import { openConversation, showConversation } from './route.ts';

const FLASH_MS = 1_000;

export const notificationPermission = signal<NotificationPermission | 'unavailable'>(
  'Notification' in window ? Notification.permission : 'unavailable',
);

export async function askForNotifications(): Promise<void> {
  if ('Notification' in window) notificationPermission.value = await Notification.requestPermission();
}

function notifySystem(title: string, body: string, tag: string, press: () => void): Notification | undefined {
  if (notificationPermission.value !== 'granted' || document.visibilityState === 'visible') return undefined;
  try {
    const notification = new Notification(title, { body, tag, icon: '/icon.svg' });
    notification.onclick = () => {
      window.focus();
      press();
      notification.close();
    };
    return notification;
  } catch {
    // Android Chrome allows them from service workers only; the title still says it.
    return undefined;
  }
}

/** A new message from the other side. */
export function messageArrived(message: Message): void {
  const conversation = conversationOf(message.conversation);
  const preview = previewWords(message.body, message.outgoing);
  const words = message.author === undefined ? preview : `${message.author.name}: ${preview}`;
  announce(`${conversation?.title ?? 'New message'}: ${words}`);
  notifySystem(conversation?.title ?? 'Carillon', words, `message-${message.conversation}`, () => {
    if (conversation !== undefined) showConversation(conversation);
  });
}

/** Somebody waits at a call link. Returns the way to take it back. */
export function knockArrived({ contact, link, id }: KnockView): () => void {
  const notification = notifySystem(`${contact.name} wants to join`, link.name, `knock-${id}`, () => {});
  return () => notification?.close();
}

function quietTitle(): string {
  const count = unreadTotal.value > 0 ? `(${unreadTotal.value}) ` : '';
  const name = openConversation.value?.title;
  return `${count}${name === undefined ? '' : `${name} · `}Carillon`;
}

function flashFor(call: CallView): () => void {
  const words = `${peopleIn(call)} is calling`;
  const notification = notifySystem(words, call.video ? 'Video call' : 'Voice call', `call-${call.callId}`, () => {});
  let on = true;
  document.title = words;
  const timer = setInterval(() => {
    on = !on;
    document.title = on ? words : 'Carillon';
  }, FLASH_MS);
  return () => {
    clearInterval(timer);
    notification?.close();
  };
}

export function followAttention(): void {
  let ringing: { callId: string; stop: () => void } | undefined;
  effect(() => {
    const call = incomingCall.value;
    const title = quietTitle();
    if (ringing !== undefined && ringing.callId !== call?.callId) {
      ringing.stop();
      ringing = undefined;
    }
    if (call === undefined) document.title = title;
    else ringing ??= { callId: call.callId, stop: flashFor(call) };
  });
}
