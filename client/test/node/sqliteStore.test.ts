import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import { storeContract } from '../storeContract.ts';

storeContract('SqliteStore', () => {
  const dir = mkdtempSync(join(tmpdir(), 'carillon-store-'));
  return {
    open: async () => new SqliteStore(join(dir, 'store.db')),
    dispose: async () => rmSync(dir, { recursive: true }),
  };
});

test('a second opening of the same file is refused', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'carillon-store-'));
  const store = new SqliteStore(join(dir, 'store.db'));
  assert.throws(() => new SqliteStore(join(dir, 'store.db'), { waitMs: 0 }), /locked/);
  await store.close();
  await new SqliteStore(join(dir, 'store.db')).close();
  rmSync(dir, { recursive: true });
});
