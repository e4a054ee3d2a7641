import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tickOf } from '../../src/words/ticks.ts';

test('each status of our own message has a drawing and a word of its own', () => {
  const statuses = ['sending', 'sent', 'delivered', 'read', 'failed'] as const;
  const ticks = statuses.map((status) => tickOf({ outgoing: true, status }));
  assert.deepEqual(
    ticks.map((tick) => tick?.label),
    ['Sending', 'Sent', 'Delivered', 'Read', 'Not sent'],
  );
  const looks = new Set(ticks.map((tick) => `${tick?.icon} ${tick?.accent}`));
  assert.equal(looks.size, statuses.length);
});

test('a message of the other side carries no tick', () => {
  assert.equal(tickOf({ outgoing: false, status: 'unread' }), undefined);
  assert.equal(tickOf({ outgoing: false, status: 'read' }), undefined);
});
