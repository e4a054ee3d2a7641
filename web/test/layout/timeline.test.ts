import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, Handle, Message, MessageBody, MessageId } from '@carillon/client';
import { place, timeline } from '../../src/layout/timeline.ts';

const NOON = new Date(2026, 5, 17, 12).getTime();
const MINUTE = 60_000;

function message(id: string, atMs: number, outgoing = false, body: MessageBody = { type: 'text', text: id }): Message {
  return {
    id: id as MessageId,
    conversation: 'c' as AccountId,
    outgoing,
    body,
    sentAtMs: atMs,
    status: outgoing ? 'sent' : 'read',
    author: undefined,
    receipts: undefined,
    failure: undefined,
  };
}

const shape = (messages: Message[], unreadFrom?: string) =>
  timeline(messages, unreadFrom as MessageId | undefined).map((item) =>
    item.type === 'message' ? `${item.message.id}${item.first ? '[' : ''}${item.last ? ']' : ''}` : item.type,
  );

test('in a group a run has one author', () => {
  const by = (id: string, atMs: number, author: string): Message => ({
    ...message(id, atMs),
    author: { accountId: author as AccountId, handle: author as Handle, name: author },
  });
  assert.deepEqual(shape([by('a', NOON, 'bob'), by('b', NOON + 1, 'bob'), by('c', NOON + 2, 'eva')]), [
    'day',
    'a[',
    'b]',
    'c[]',
  ]);
});

test('messages of one side close in time are one run', () => {
  assert.deepEqual(
    shape([
      message('a', NOON),
      message('b', NOON + MINUTE),
      message('c', NOON + 2 * MINUTE, true),
      message('d', NOON + 9 * MINUTE, true),
    ]),
    ['day', 'a[', 'b]', 'c[]', 'd[]'],
  );
});

test('each day begins with its separator, and breaks a run', () => {
  const midnight = new Date(2026, 5, 18).getTime();
  assert.deepEqual(shape([message('a', midnight - MINUTE), message('b', midnight + MINUTE)]), [
    'day',
    'a[]',
    'day',
    'b[]',
  ]);
});

test('the unread mark stands before its message and breaks a run', () => {
  assert.deepEqual(shape([message('a', NOON), message('b', NOON + 1)], 'b'), ['day', 'a[]', 'unread', 'b[]']);
});

test('calls and notices are never part of a run', () => {
  assert.deepEqual(
    shape([message('a', NOON), message('n', NOON + 1, false, { type: 'notice', words: 'x' }), message('b', NOON + 2)]),
    ['day', 'a[]', 'n[]', 'b[]'],
  );
});

test('a message is placed by its time, once', () => {
  const held = [message('a', 1), message('b', 3)];
  assert.deepEqual(
    place(held, message('c', 2)).map(({ id }) => id),
    ['a', 'c', 'b'],
  );
  assert.deepEqual(
    place(held, message('d', 3)).map(({ id }) => id),
    ['a', 'b', 'd'],
  );
  const changed = place(held, { ...message('a', 1), status: 'delivered' });
  assert.deepEqual(
    changed.map(({ id, status }) => `${id} ${status}`),
    ['a delivered', 'b read'],
  );
});
