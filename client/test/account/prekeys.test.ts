import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createIdentity, verifyKemPrekey, verifySignedPrekey } from '@carillon/messaging-core/e2ee';
import { nativeProvider } from '@carillon/messaging-core/e2ee/native';
import { KEM_STOCK, ONE_TIME_STOCK } from '../../src/account/prekeyStock.ts';
import {
  createFirstPrekeys,
  deletePrekey,
  type HeldPrekeys,
  markPublished,
  PrekeyShelf,
  renewPrekeys,
  storePrekeys,
} from '../../src/account/prekeys.ts';
import { readKeys, writeKeys } from '../../src/account/profile.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

const DAY_MS = 24 * 60 * 60_000;
const FULL: HeldPrekeys = { oneTime: 100, kem: 50 };
const dir = mkdtempSync(join(tmpdir(), 'carillon-prekeys-'));
const store = new SqliteStore(join(dir, 'store.db'));
const identity = createIdentity(nativeProvider);

before(async () => {
  const { keys, fresh } = createFirstPrekeys(nativeProvider, identity, 0);
  await store.transaction(async (tx) => {
    await writeKeys(tx, keys);
    await storePrekeys(tx, fresh, 0);
  });
});
after(async () => {
  await store.close();
  rmSync(dir, { recursive: true });
});

const renew = (held: Partial<HeldPrekeys>, nowMs: number) =>
  store.transaction((tx) => renewPrekeys(tx, nativeProvider, { ...FULL, ...held }, nowMs));

const publish = async (held: Partial<HeldPrekeys>, nowMs: number) => {
  const fresh = await renew(held, nowMs);
  if (fresh) await store.transaction((tx) => markPublished(tx, fresh));
  return fresh;
};

/** As the session layer asks: again, while something is brought. */
const find = (kind: 'signed' | 'oneTime' | 'kem', id: number) =>
  store.transaction(async (tx) => {
    const shelf = new PrekeyShelf(tx);
    for (;;) {
      const found = shelf.lookup[kind](id);
      if (found || !(await shelf.load())) return found;
    }
  });

test('one-time prekeys are filled up to 100 when fewer than 20 are left, under new ids', async () => {
  assert.equal(await publish({ oneTime: 20 }, DAY_MS), undefined);
  const fresh = await publish({ oneTime: 19 }, DAY_MS);
  assert.equal(fresh?.oneTime.length, 81);
  assert.equal(fresh?.oneTime[0]?.id, 101);
  assert.equal(fresh?.signed, undefined);
  assert.deepEqual(await find('oneTime', 101), fresh?.oneTime[0]);
  await store.transaction((tx) => deletePrekey(tx, ONE_TIME_STOCK, 101));
  assert.equal(await find('oneTime', 101), undefined);
});

test('[DEV-1] KEM prekeys are filled up to 50, and the last-resort one is found beside them and stays', async () => {
  const fresh = await publish({ kem: 10 }, DAY_MS);
  assert.equal(fresh?.kem.length, 40);
  assert.equal(fresh?.kem[0]?.id, 12);
  assert.equal(fresh?.lastResortKem, undefined);
  verifyKemPrekey(nativeProvider, identity.publicKey, fresh!.kem[0]!);
  const { privateKey } = fresh!.kem[0]!;
  assert.deepEqual(await find('kem', 12), { privateKey, lastResort: false });
  await store.transaction((tx) => deletePrekey(tx, KEM_STOCK, 12));
  assert.equal(await find('kem', 12), undefined);
  assert.equal((await store.transaction(readKeys)).nextKemPrekeyId, 52);
  const lastResort = await find('kem', 1);
  assert.ok(lastResort && 'lastResort' in lastResort && lastResort.lastResort);
});

test('a publication that was interrupted is made again, with the same prekeys', async () => {
  const lost = await renew({ oneTime: 10, kem: 3 }, DAY_MS);
  const again = await publish({ oneTime: 10, kem: 3 }, DAY_MS);
  assert.deepEqual(again, lost);
  const next = await publish({ oneTime: 10, kem: 3 }, DAY_MS);
  assert.equal(next?.oneTime[0]?.id, (lost?.oneTime.at(-1)?.id ?? 0) + 1);
  assert.equal(next?.kem[0]?.id, (lost?.kem.at(-1)?.id ?? 0) + 1);
});

test('[DEV-1] the signed and the last-resort prekey change weekly; the older ones open messages for 30 days more', async () => {
  assert.equal((await renew({}, 8 * DAY_MS))?.signed?.id, 2);
  const second = await publish({}, 8 * DAY_MS);
  assert.equal(second?.signed?.id, 2);
  verifySignedPrekey(nativeProvider, identity.publicKey, second!.signed!);
  verifyKemPrekey(nativeProvider, identity.publicKey, second!.lastResortKem!);
  const lastResortId = second!.lastResortKem!.id;
  assert.equal(await publish({}, 9 * DAY_MS), undefined);
  assert.equal((await store.transaction(readKeys)).signedPrekeyId, 2);
  assert.equal((await publish({}, 16 * DAY_MS))?.signed?.id, 3);
  assert.ok((await find('signed', 1)) && (await find('kem', 1)));
  assert.equal((await publish({}, 39 * DAY_MS))?.signed?.id, 4);
  assert.equal((await find('signed', 1)) ?? (await find('kem', 1)), undefined);
  for (const id of [2, 3, 4]) assert.ok(await find('signed', id));
  assert.ok(await find('kem', lastResortId));
});
