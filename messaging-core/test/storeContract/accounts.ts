// Accounts, registration and prekeys.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { AccountId, DeviceId, Handle } from '@carillon/protocol';
import { type Contract, kemPrekey, NOW, newDevice, newId, register } from './fixtures.ts';

export function accountContract(contract: Contract): void {
  contract('a handle has one account; registering again replaces its devices, with new ids', async ({ store }) => {
    const first = await store.registerDevice('ana' as Handle, newId() as AccountId, newDevice(3), NOW);
    assert.deepEqual(first.removed, []);
    const second = await store.registerDevice('ana' as Handle, newId() as AccountId, newDevice(1), NOW);
    assert.equal(second.address.accountId, first.address.accountId);
    assert.deepEqual(second.removed, [first.address.deviceId]);
    assert.ok(second.address.deviceId > first.address.deviceId);
    assert.deepEqual(await store.device(first.address), { type: 'removed' });
    const found = await store.accountByHandle('ana' as Handle);
    assert.deepEqual(found, { ...found, accountId: first.address.accountId, deviceIds: [second.address.deviceId] });
    assert.deepEqual(await store.accountById(first.address.accountId), found);
    const lookup = await store.device(second.address);
    assert.equal(lookup.type === 'present' && lookup.oneTimePrekeys, 1);
    assert.deepEqual(await store.device({ ...second.address, deviceId: 99 as DeviceId }), { type: 'unknown' });
    assert.equal(await store.accountByHandle('ben' as Handle), undefined);
  });

  contract('a one-time prekey goes to one asker only', async ({ store }) => {
    const device = newDevice(5);
    const ana = await register(store, 'ana', device);
    const taken = await Promise.all(Array.from({ length: 8 }, () => store.takeBundles(ana.accountId, [])));
    const ids = taken.map((bundles) => bundles!.bundles[0]!.oneTimePrekey?.id);
    assert.deepEqual(ids, [1, 2, 3, 4, 5, undefined, undefined, undefined]);
    assert.deepEqual(Buffer.from(taken[0]!.bundles[0]!.identityKey), Buffer.from(device.identityKey));
    assert.equal(taken[0]!.bundles[0]!.oneTimePrekeysLeft, 4);
    assert.deepEqual(await store.takeBundles(ana.accountId, [99 as DeviceId]), { bundles: [], deviceList: undefined });
    assert.equal(await store.takeBundles(newId() as AccountId, []), undefined);
  });

  contract('prekeys are added up to the limit, ids held are passed over', async ({ store }) => {
    const ana = await register(store, 'ana', newDevice(2));
    const more = Array.from({ length: 5 }, (_, i) => ({ id: i + 2, publicKey: randomBytes(32) }));
    const none = { signed: undefined, oneTime: [], kem: [], lastResortKem: undefined };
    const max = { oneTime: 4, kem: 4 };
    assert.deepEqual(await store.publishPrekeys(ana, { ...none, oneTime: more }, max), { oneTime: 4, kem: 0 });
    const signed = { id: 9, publicKey: randomBytes(32), signature: randomBytes(64) };
    assert.deepEqual(await store.publishPrekeys(ana, { ...none, signed }, max), { oneTime: 4, kem: 0 });
    assert.equal((await store.takeBundles(ana.accountId, []))!.bundles[0]!.signedPrekey.id, 9);
    assert.equal(await store.publishPrekeys({ ...ana, deviceId: 99 as DeviceId }, none, max), undefined);
  });

  contract(
    '[MSG-12] a KEM prekey goes to one asker only, then the last-resort one to all',
    async ({ store, reopen }) => {
      const device = newDevice(0, 2);
      const ana = await register(store, 'ana', device);
      const take = async (from = store) => (await from.takeBundles(ana.accountId, []))!.bundles[0]!;
      const [first, second, third] = [await take(), await take(), await take()];
      assert.deepEqual([first.kemPrekey?.id, second.kemPrekey?.id, third.kemPrekey?.id], [1, 2, 1000]);
      assert.deepEqual([first.kemPrekeysLeft, second.kemPrekeysLeft, third.kemPrekeysLeft], [1, 0, 0]);
      assert.deepEqual(Buffer.from(first.kemPrekey!.publicKey), Buffer.from(device.kemPrekeys[0]!.publicKey));
      assert.deepEqual(Buffer.from(first.kemPrekey!.signature), Buffer.from(device.kemPrekeys[0]!.signature));
      const reopened = await reopen();
      assert.equal((await take(reopened)).kemPrekey?.id, 1000);
      // One-time and last-resort ones may have the same id.
      const update = { signed: undefined, oneTime: [], kem: [7, 8, 9].map(kemPrekey), lastResortKem: kemPrekey(8) };
      assert.deepEqual(await reopened.publishPrekeys(ana, update, { oneTime: 5, kem: 2 }), { oneTime: 0, kem: 2 });
      const repeated = await reopened.publishPrekeys(ana, { ...update, kem: [kemPrekey(7)] }, { oneTime: 5, kem: 5 });
      assert.deepEqual(repeated, { oneTime: 0, kem: 2 });
      const ids: (number | undefined)[] = [];
      for (let i = 0; i < 4; i++) ids.push((await take(reopened)).kemPrekey?.id);
      assert.deepEqual(ids, [7, 8, 8, 8]);
    },
  );
}
