import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
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

test('large blobs lie beside the database, go with their entries, and never outlive a failed transaction', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'carillon-store-'));
  const path = join(dir, 'store.db');
  const files = () => readdirSync(`${path}.large`).length;
  const bytes = new Uint8Array(300_000).fill(7);
  let store = new SqliteStore(path);
  await store.transaction((tx) => tx.put('blobs', 'a', bytes));
  assert.equal(files(), 1);
  await store.transaction((tx) =>
    tx.put(
      'blobs',
      'a',
      bytes.map((byte) => byte + 1),
    ),
  );
  assert.equal(files(), 1);
  await assert.rejects(
    store.transaction(async (tx) => {
      await tx.delete('blobs', 'a');
      await tx.put('blobs', 'b', bytes);
      throw new Error('no');
    }),
  );
  assert.equal(files(), 1);
  await store.close();

  // As a crash between file and commit leaves it.
  writeFileSync(join(`${path}.large`, 'orphan'), 'x');
  store = new SqliteStore(path);
  assert.equal(files(), 1);
  assert.deepEqual(await store.transaction((tx) => tx.get('blobs', 'a')), new Uint8Array(300_000).fill(8));
  assert.deepEqual(await store.transaction((tx) => tx.get('blobs', 'b')), undefined);
  await store.transaction((tx) => tx.delete('blobs', 'a'));
  assert.equal(files(), 0);
  await store.transaction((tx) => tx.put('blobs', 'c', bytes));
  await store.clear();
  assert.equal(files(), 0);
  await store.close();
  rmSync(dir, { recursive: true });
});

test('a store that could not be scrubbed from the disk is empty all the same, and works on', async (t) => {
  const store = new SqliteStore(':memory:');
  await store.transaction((tx) => tx.put('account', 'profile', 'ann'));
  const exec = DatabaseSync.prototype.exec;
  t.mock.method(DatabaseSync.prototype, 'exec', function (this: DatabaseSync, sql: string) {
    if (sql.includes('VACUUM')) throw new Error('database or disk is full');
    return exec.call(this, sql);
  });
  await assert.rejects(store.clear(), /disk is full/);
  assert.equal(await store.transaction((tx) => tx.get('account', 'profile')), undefined);
  await store.close();
});
