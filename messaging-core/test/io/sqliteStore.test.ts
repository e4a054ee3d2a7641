import assert from 'node:assert/strict';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import type { AccountId, DeviceId, Handle } from '@carillon/protocol';
import { SqliteStore } from '../../src/index.ts';
import { MIGRATIONS } from '../../src/io/sqliteSchema.ts';
import { fanOutAll, group, groupMessage, NOW, newMessage, page, ROOMY, register } from '../storeContract/fixtures.ts';
import { storeContract } from '../storeContract.ts';
import { tempDir } from '../testServer.ts';

async function open(t: TestContext) {
  const file = path.join(await tempDir(t), 'messaging.db');
  let store = new SqliteStore(file);
  t.after(() => store.close());
  return {
    file,
    store,
    reopen: async () => {
      await store.close();
      store = new SqliteStore(file);
      return store;
    },
  };
}

storeContract('sqlite', open);

test('a database of a newer version is refused in words', async (t) => {
  const file = path.join(await tempDir(t), 'messaging.db');
  const db = new DatabaseSync(file);
  db.exec('PRAGMA user_version = 99');
  db.close();
  assert.throws(() => new SqliteStore(file), /newer messaging-core/);
});

test('[MSG-1] a database of the first version keeps its accounts, queues and send ids', async (t) => {
  const file = path.join(await tempDir(t), 'messaging.db');
  const db = new DatabaseSync(file);
  db.exec(`${MIGRATIONS[0]}; PRAGMA user_version = 1;
    INSERT INTO accounts VALUES ('ANA', 'ana', 1, 5), ('BEN', 'ben', 3, 5);
    INSERT INTO devices (device_key, account_id, device_id, name, identity_key, signed_prekey_id, signed_prekey,
      signed_prekey_signature, last_seq, created_at_ms) VALUES
      (1, 'ANA', 1, '', x'01', 1, x'01', x'01', 0, 5), (2, 'BEN', 3, '', x'02', 1, x'02', x'02', 7, 5);
    INSERT INTO envelopes VALUES (1, 2, 7, 0, 'first', 'ANA', 1, 2, x'0102', ${NOW}, ${NOW + 1000});
    INSERT INTO accepted_sends VALUES (1, 1, 'first', 'BEN', ${NOW});`);
  db.close();
  const store = new SqliteStore(file);
  t.after(() => store.close());
  const [ana, ben] = [
    { accountId: 'ANA' as AccountId, deviceId: 1 as DeviceId },
    { accountId: 'BEN' as AccountId, deviceId: 3 as DeviceId },
  ];
  assert.deepEqual((await store.accountByHandle('ben' as Handle))?.deviceIds, [3]);
  const repeat = { ...newMessage(ana, ben), messageId: 'first' } as ReturnType<typeof newMessage>;
  assert.deepEqual(await store.enqueue(repeat, ROOMY), { type: 'repeated', acceptedAtMs: NOW });
  await store.enqueue(newMessage(ana, ben), ROOMY);
  const queued = await page(store, ben);
  assert.equal(queued[0]?.messageId, 'first');
  assert.deepEqual([...queued[0]!.ciphertext], [1, 2]);
  assert.ok(queued[1]!.seq > queued[0]!.seq);
});

test("a group's ciphertext is stored once, and gone with the last queue that refers to it", async (t) => {
  const { file, store } = await open(t);
  const [ana, ben, cyd] = [await register(store, 'ana'), await register(store, 'ben'), await register(store, 'cyd')];
  const { groupId } = await group(store, [ana, ben, cyd]);
  // One to everybody, one whose readers are all removed, one that nobody gets.
  for (let i = 0; i < 2; i++) await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
  await fanOutAll(store);
  const alone = await group(store, [ana]);
  await store.acceptGroupMessage(await groupMessage(store, ana, alone.groupId));
  await fanOutAll(store);
  const left = async () => {
    await store.close();
    const db = new DatabaseSync(file);
    const [row] = db.prepare('SELECT count(*) AS messages FROM group_messages').all();
    db.close();
    return row!.messages;
  };
  const [first] = await page(store, ben);
  await store.acknowledge(ben, [first!.seq]);
  assert.equal(await left(), 2, 'the other queue still refers to it');
  const again = new SqliteStore(file);
  t.after(() => again.close());
  await again.acknowledge(cyd, [(await page(again, cyd))[0]!.seq]);
  await again.removeDevice(ben, undefined);
  await again.removeDevice(cyd, undefined);
  await again.close();
  assert.equal(await left(), 0);
});
