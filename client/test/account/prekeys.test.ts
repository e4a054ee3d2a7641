import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createIdentity, verifySignedPrekey } from '@carillon/messaging-core/e2ee';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import {
  createFirstPrekeys,
  deleteOneTimePrekey,
  markPublished,
  readPrekeys,
  renewPrekeys,
  storePrekeys,
} from '../../src/account/prekeys.ts';
import { readKeys, writeKeys } from '../../src/account/profile.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

const DAY_MS = 24 * 60 * 60_000;
const dir = mkdtempSync(join(tmpdir(), 'carillon-prekeys-'));
const store = new SqliteStore(join(dir, 'store.db'));
const identity = createIdentity(nativeProvider);

before(async () => {
  const { keys, signed, oneTime } = createFirstPrekeys(nativeProvider, identity, 0);
  await store.transaction(async (tx) => {
    await writeKeys(tx, keys);
    await storePrekeys(tx, { signed, oneTime }, 0);
  });
});
after(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

const renew = (held: number, nowMs: number) => store.transaction((tx) => renewPrekeys(tx, nativeProvider, held, nowMs));

const publish = async (held: number, nowMs: number) => {
  const fresh = await renew(held, nowMs);
  if (fresh) await store.transaction((tx) => markPublished(tx, fresh));
  return fresh;
};

test('one-time prekeys are filled up to 100 when fewer than 20 are left, under new ids', async () => {
  assert.equal(await publish(20, DAY_MS), undefined);
  const fresh = await publish(19, DAY_MS);
  assert.equal(fresh?.oneTime.length, 81);
  assert.equal(fresh?.oneTime[0]?.id, 101);
  assert.equal(fresh?.signed, undefined);
  const prekeys = await store.transaction(readPrekeys);
  assert.deepEqual(prekeys.oneTime(101)?.publicKey, fresh?.oneTime[0]?.publicKey);
  await store.transaction((tx) => deleteOneTimePrekey(tx, 101));
  assert.equal((await store.transaction(readPrekeys)).oneTime(101), undefined);
});

test('a publication that was interrupted is made again, with the same prekeys', async () => {
  const lost = await renew(10, DAY_MS);
  const again = await publish(10, DAY_MS);
  assert.deepEqual(again, lost);
  assert.equal((await publish(10, DAY_MS))?.oneTime[0]?.id, (lost?.oneTime.at(-1)?.id ?? 0) + 1);
});

test('the signed prekey changes weekly; the older one opens messages for 30 days more', async () => {
  assert.equal((await renew(100, 8 * DAY_MS))?.signed?.id, 2);
  const second = await publish(100, 8 * DAY_MS);
  assert.equal(second?.signed?.id, 2);
  verifySignedPrekey(nativeProvider, identity.publicKey, second!.signed!);
  assert.equal(await publish(100, 9 * DAY_MS), undefined);
  assert.equal((await store.transaction(readKeys)).signedPrekeyId, 2);
  assert.equal((await publish(100, 16 * DAY_MS))?.signed?.id, 3);
  assert.ok((await store.transaction(readPrekeys)).signed(1));
  assert.equal((await publish(100, 39 * DAY_MS))?.signed?.id, 4);
  const prekeys = await store.transaction(readPrekeys);
  assert.equal(prekeys.signed(1), undefined);
  assert.ok(prekeys.signed(2) && prekeys.signed(3) && prekeys.signed(4));
});
