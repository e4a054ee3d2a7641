// A conversation as it is drawn: separators between days, a mark before the
// first unread message, and runs of messages from the same hand close in time.
import type { Message, MessageId } from '@carillon/client';
import { sameDay } from '../words/time.ts';

export type TimelineItem =
  | { readonly type: 'day'; readonly key: string; readonly atMs: number }
  | { readonly type: 'unread'; readonly key: string }
  | {
      readonly type: 'message';
      readonly key: string;
      readonly message: Message;
      /** First and last of its run: where the bubble's corners and the spacing change. */
      readonly first: boolean;
      readonly last: boolean;
    };

/** Messages further apart than this look like two thoughts, not one. */
const RUN_GAP_MS = 5 * 60 * 1000;

function isBubble(message: Message): boolean {
  return message.body.type === 'text' || message.body.type === 'media';
}

function sameRun(a: Message, b: Message, unreadFrom: MessageId | undefined): boolean {
  return (
    isBubble(a) &&
    isBubble(b) &&
    a.outgoing === b.outgoing &&
    a.author?.accountId === b.author?.accountId &&
    b.id !== unreadFrom &&
    sameDay(a.sentAtMs, b.sentAtMs) &&
    b.sentAtMs - a.sentAtMs < RUN_GAP_MS
  );
}

export function timeline(messages: readonly Message[], unreadFrom?: MessageId): TimelineItem[] {
  const items: TimelineItem[] = [];
  messages.forEach((message, index) => {
    const before = messages[index - 1];
    const after = messages[index + 1];
    if (before === undefined || !sameDay(before.sentAtMs, message.sentAtMs)) {
      items.push({ type: 'day', key: `day-${message.id}`, atMs: message.sentAtMs });
    }
    if (message.id === unreadFrom) items.push({ type: 'unread', key: 'unread' });
    items.push({
      type: 'message',
      key: message.id,
      message,
      first: before === undefined || !sameRun(before, message, unreadFrom),
      last: after === undefined || !sameRun(message, after, unreadFrom),
    });
  });
  return items;
}

/** Puts a new or changed message in its place by time; a message already there is replaced. */
export function place(messages: readonly Message[], message: Message): Message[] {
  const others = messages.filter((other) => other.id !== message.id);
  let index = others.length;
  while (index > 0 && others[index - 1]!.sentAtMs > message.sentAtMs) index -= 1;
  return [...others.slice(0, index), message, ...others.slice(index)];
}
