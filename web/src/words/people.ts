// Who is writing and who is here, in words.
import type { Contact, PresenceView } from '@carillon/client';
import { clockTime, daysBetween } from './time.ts';

/** One name in a conversation of two is clear already; in a group each is named. */
export function typingWords(writing: readonly Contact[]): string {
  const names = writing.map(({ name }) => name);
  if (names.length === 0) return '';
  if (names.length === 1) return `${names[0]} is typing…`;
  if (names.length === 2) return `${names[0]} and ${names[1]} are typing…`;
  return `${names[0]} and ${names.length - 1} others are typing…`;
}

/** `last seen today at 10:12`; the year only when it is another. */
export function lastSeenWords(ms: number, nowMs: number, locale: string): string {
  const days = daysBetween(ms, nowMs);
  const at = `at ${clockTime(ms, locale)}`;
  if (days <= 0) return `last seen today ${at}`;
  if (days === 1) return `last seen yesterday ${at}`;
  if (days < 7) return `last seen on ${new Intl.DateTimeFormat(locale, { weekday: 'long' }).format(ms)} ${at}`;
  const sameYear = new Date(ms).getFullYear() === new Date(nowMs).getFullYear();
  const date = new Intl.DateTimeFormat(locale, {
    day: 'numeric',
    month: 'long',
    ...(sameYear ? {} : { year: 'numeric' }),
  });
  return `last seen on ${date.format(ms)}`;
}

/** Empty when nothing may be shown. */
export function presenceWords(view: PresenceView | undefined, nowMs: number, locale: string): string {
  if (view === undefined || !view.visible) return '';
  if (view.online) return 'online';
  return view.lastSeenMs > 0 ? lastSeenWords(view.lastSeenMs, nowMs, locale) : '';
}

/** `Ana, Bob and 3 more`, ourselves as `you`, last. */
export function memberWords(names: readonly string[], namesMax: number): string {
  if (names.length <= namesMax) return names.join(', ');
  return `${names.slice(0, namesMax).join(', ')} and ${names.length - namesMax} more`;
}
