import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { type AccountId, PresenceChoice, type SettingsCopy, SettingsCopySchema } from '@carillon/protocol';
import { acceptConversation } from '../../src/conversations/conversations.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import type { StoreTransaction } from '../../src/ports.ts';
import {
  noteSettingsChanged,
  ownPresenceKey,
  presenceKeyFor,
  privacyOwed,
  readSettings,
  writeSettings,
} from '../../src/social/settings.ts';
import { applySettingsCopy, settingsCopy } from '../../src/social/settingsCopy.ts';
import { Changes } from '../../src/store/ledger.ts';

const PEER = 'P'.repeat(22) as AccountId;

async function inStore(run: (tx: StoreTransaction) => Promise<void>): Promise<void> {
  const store = new SqliteStore(':memory:');
  await store.transaction(run);
  await store.close();
}
const { crypto } = nodePlatform(new SqliteStore(':memory:'));

/** As it comes from another device. */
async function copyOf(run: (tx: StoreTransaction) => Promise<void>): Promise<SettingsCopy> {
  let copy: SettingsCopy | undefined;
  await inStore(async (tx) => {
    await run(tx);
    const body = await settingsCopy(tx, crypto);
    if (body.case === 'settingsCopy') copy = create(SettingsCopySchema, body.value);
  });
  return copy!;
}

test('[PRES-18] a copy of older settings changes nothing, and the server is told ours again', async () => {
  const older = await copyOf((tx) => noteSettingsChanged(tx, 1_000));
  await inStore(async (tx) => {
    await writeSettings(tx, { ...(await readSettings(tx)), readReceipts: false, presence: 'nobody' });
    await noteSettingsChanged(tx, 2_000);
    const key = await ownPresenceKey(tx, crypto);
    await applySettingsCopy(tx, new Changes(), older);
    const { readReceipts, presence } = await readSettings(tx);
    assert.deepEqual([readReceipts, presence], [false, 'nobody']);
    assert.deepEqual(await ownPresenceKey(tx, crypto), key);
    assert.equal(await privacyOwed(tx), true);
  });
});

test('[PRES-18] a newer one is taken over, also from a device whose clock is behind', async () => {
  const newer = await copyOf(async (tx) => {
    await noteSettingsChanged(tx, 2_000);
    await writeSettings(tx, { ...(await readSettings(tx)), readReceipts: false });
    await noteSettingsChanged(tx, 500);
  });
  await inStore(async (tx) => {
    await noteSettingsChanged(tx, 2_000);
    await applySettingsCopy(tx, new Changes(), newer);
    assert.equal((await readSettings(tx)).readReceipts, false);
    assert.deepEqual(new Uint8Array(await ownPresenceKey(tx, crypto)), newer.presenceKey);
  });
});

test('[PRES-18] a linked device gives no presence key before it has been told the account’s', async () => {
  const first = await copyOf((tx) => noteSettingsChanged(tx, 1_000));
  assert.equal(first.presence, PresenceChoice.CONTACTS);
  await inStore(async (tx) => {
    await acceptConversation(tx, PEER);
    await ownPresenceKey(tx, crypto);
    assert.equal(await presenceKeyFor(tx, PEER), undefined);
    await applySettingsCopy(tx, new Changes(), first);
    assert.deepEqual(new Uint8Array((await presenceKeyFor(tx, PEER))!), first.presenceKey);
  });
});
