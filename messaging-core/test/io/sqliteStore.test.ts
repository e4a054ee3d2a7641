import assert from 'node:assert/strict';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { SqliteStore } from '../../src/index.ts';
import { storeContract } from '../storeContract.ts';
import { tempDir } from '../testServer.ts';

storeContract('sqlite', async (t) => {
  const file = path.join(await tempDir(t), 'messaging.db');
  let store = new SqliteStore(file);
  t.after(() => store.close());
  return {
    store,
    reopen: async () => {
      await store.close();
      store = new SqliteStore(file);
      return store;
    },
  };
});

test('a database of a newer version is refused in words', async (t) => {
  const file = path.join(await tempDir(t), 'messaging.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 99');
  db.close();
  assert.throws(() => new SqliteStore(file), /newer messaging-core/);
});
