import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, MessageId } from '@carillon/protocol';
import { enqueue } from '../../src/messaging/outbox.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

test('a lane is full by what waits in it, not by what has passed through it', async () => {
  const store = new SqliteStore(':memory:');
  const to = 'A'.repeat(22) as AccountId;
  const row = (number: number) => `q/${to}/${String(number).padStart(12, '0')}`;
  const item = { messageId: 'B'.repeat(22) as MessageId, to, content: new Uint8Array(1) };
  // The lane was never empty while 20,000 messages passed.
  await store.transaction((tx) => tx.put('outbox', row(20_000), item));
  await store.transaction((tx) => enqueue(tx, item));
  assert.ok(await store.transaction((tx) => tx.get('outbox', row(20_001))));
  // The first of 10,000 waits still.
  await store.transaction((tx) => tx.put('outbox', row(10_002), item));
  await assert.rejects(
    store.transaction((tx) => enqueue(tx, item)),
    { code: 'queue-full' },
  );
  await store.close();
});
