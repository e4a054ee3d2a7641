// Linked devices and the signed lists that name them.
import assert from 'node:assert/strict';
import type { AccountId, DeviceId, Handle } from '@carillon/protocol';
import type { DeviceListRecord, NewDevice } from '../../src/core/messagingStore.ts';
import {
  type Contract,
  deviceList,
  link,
  NOW,
  newDevice,
  newId,
  newMessage,
  page,
  ROOMY,
  register,
} from './fixtures.ts';

const readable = (list: DeviceListRecord | undefined) =>
  list && { revision: list.revision, keys: list.identityKeys.map((key) => Buffer.from(key).toString('hex')) };

export function deviceContract(contract: Contract): void {
  contract('[MSG-9] a device is linked with the list that names it, or not at all', async ({ store, reopen }) => {
    const [primary, second, third] = [newDevice(), newDevice(4, 2), newDevice()];
    const ana = await register(store, 'ana', primary);
    const linkSecond = (list: DeviceListRecord, devicesMax = 2) =>
      store.linkDevice(ana.accountId, second, list, devicesMax, NOW + 5);
    for (const refused of [
      deviceList(0, primary, second),
      deviceList(1, primary),
      deviceList(1, second, primary),
      deviceList(1, primary, third),
      deviceList(1, primary, second, third),
      deviceList(1, primary, second, second),
    ])
      assert.deepEqual(await linkSecond(refused), { type: 'list-refused' });
    const list = deviceList(3, primary, second);
    assert.deepEqual(await linkSecond(list, 1), { type: 'device-limit' });
    assert.deepEqual(await store.linkDevice(newId() as AccountId, second, list, 5, NOW), { type: 'account-unknown' });
    assert.deepEqual((await store.accountById(ana.accountId))?.deviceIds, [ana.deviceId]);

    const linked = await linkSecond(list);
    assert.equal(linked.type === 'linked' && linked.handle, 'ana');
    const address = linked.type === 'linked' ? linked.address : ana;
    assert.ok(address.deviceId > ana.deviceId);
    const reopened = await reopen();
    const account = await reopened.accountByHandle('ana' as Handle);
    assert.deepEqual(account?.deviceIds, [ana.deviceId, address.deviceId]);
    assert.deepEqual(readable(account?.deviceList), readable(list));
    const lookup = await reopened.device(address);
    assert.deepEqual(lookup.type === 'present' && [lookup.oneTimePrekeys, lookup.kemPrekeys], [4, 2]);
    const devices = await reopened.devices(ana.accountId);
    assert.deepEqual(
      devices.map((device) => [device.deviceId, device.createdAtMs]),
      [
        [ana.deviceId, NOW],
        [address.deviceId, NOW + 5],
      ],
    );
    assert.deepEqual(Buffer.from(devices[1]!.identityKey), Buffer.from(second.identityKey));
    const next = (revision: number, ...named: (typeof primary)[]) =>
      reopened.linkDevice(ana.accountId, third, deviceList(revision, ...named), 5, NOW);
    assert.deepEqual(await next(3, primary, second, third), { type: 'list-refused' });
    assert.deepEqual(await next(4, second, primary, third), { type: 'list-refused' });
    assert.equal((await next(4, primary, third, second)).type, 'linked');
  });

  contract(
    '[MSG-9] of changes at the same moment each holds for what it was made for, or not at all',
    async ({ store }) => {
      for (let round = 0; round < 5; round++) {
        const [primary, second, third, anew] = [newDevice(), newDevice(), newDevice(), newDevice()];
        const handle = `ana${round}` as Handle;
        const { accountId, deviceId } = await register(store, handle, primary);
        const linkOne = (device: NewDevice) =>
          store.linkDevice(accountId, device, deviceList(1, primary, device), 5, NOW);
        const outcomes = await Promise.all([linkOne(second), linkOne(third)]);
        assert.deepEqual(outcomes.map(({ type }) => type).sort(), ['linked', 'list-refused']);
        const [, other] = await store.devices(accountId);
        const without = () => store.removeDevice({ accountId, deviceId: other!.deviceId }, deviceList(2, primary));
        const fourth = { ...newDevice(), identityKey: third.identityKey };
        const list: DeviceListRecord = {
          ...deviceList(2, primary),
          identityKeys: [primary.identityKey, other!.identityKey, fourth.identityKey],
        };
        await Promise.all([
          store.linkDevice(accountId, fourth, list, 5, NOW),
          without(),
          round % 2 === 0 ? register(store, handle, anew) : undefined,
        ]);
        const keysOf = (keys: readonly Uint8Array[]) => keys.map((key) => Buffer.from(key).toString('hex')).sort();
        const present = keysOf((await store.devices(accountId)).map(({ identityKey }) => identityKey));
        const account = await store.accountById(accountId);
        assert.equal(account!.deviceIds.length, present.length);
        if (account?.deviceList) assert.deepEqual(keysOf(account.deviceList.identityKeys), present);
        else assert.deepEqual([present.length, account!.deviceIds.includes(deviceId)], [1, false]);
      }
    },
  );

  contract('[MSG-5] a linked device belongs to what a send names', async ({ store }) => {
    const primary = newDevice();
    const [ana, ben] = [await register(store, 'ana', primary), await register(store, 'ben')];
    const second = await link(store, ana, primary);
    const toOne = newMessage(ben, ana);
    assert.deepEqual(await store.enqueue(toOne, ROOMY), {
      type: 'stale-devices',
      difference: { missing: [second.deviceId], gone: [] },
    });
    const [envelope] = toOne.envelopes;
    const both = [envelope!, { ...envelope!, deviceId: second.deviceId }];
    assert.equal((await store.enqueue({ ...toOne, envelopes: both }, ROOMY)).type, 'stored');
    // To the own account: every device but the sending one.
    assert.equal((await store.enqueue(newMessage(ana, second), ROOMY)).type, 'stored');
    assert.equal((await page(store, second)).length, 2);
    assert.equal((await page(store, ana)).length, 1);
  });

  contract('[MSG-10] a removed device is gone with its queue, and the list goes on', async ({ store, reopen }) => {
    const [primary, second, third] = [newDevice(), newDevice(), newDevice()];
    const [ana, ben] = [await register(store, 'ana', primary), await register(store, 'ben')];
    await store.linkDevice(ana.accountId, second, deviceList(1, primary, second), 5, NOW);
    await store.linkDevice(ana.accountId, third, deviceList(2, primary, second, third), 5, NOW);
    const [, secondId, thirdId] = (await store.accountById(ana.accountId))!.deviceIds;
    const secondAddress = { ...ana, deviceId: secondId! };
    await store.setPushTarget(secondAddress, 'fcm', { service: 'fcm', token: 't', p256dh: undefined, auth: undefined });
    const [envelope] = newMessage(ben, ana).envelopes;
    const envelopes = [ana.deviceId, secondId!, thirdId!].map((deviceId) => ({ ...envelope!, deviceId }));
    assert.equal((await store.enqueue(newMessage(ben, ana, { envelopes }), ROOMY)).type, 'stored');

    for (const refused of [
      deviceList(2, primary, third),
      deviceList(3, primary, second),
      deviceList(3, third, primary),
      deviceList(3, primary, second, third),
    ])
      assert.equal(await store.removeDevice(secondAddress, refused), 'list-refused');
    assert.equal((await page(store, secondAddress)).length, 1);
    assert.equal(await store.removeDevice(secondAddress, deviceList(3, primary, third)), 'removed');
    assert.equal(await store.removeDevice(secondAddress, undefined), 'device-unknown');
    assert.deepEqual(await store.device(secondAddress), { type: 'removed' });
    assert.deepEqual(await page(store, secondAddress), []);
    assert.deepEqual(await store.pushTargets(secondAddress), []);
    assert.equal((await page(store, ana)).length, 1);
    // By itself, without a list: the primary's next one names who is left.
    assert.equal(await store.removeDevice({ ...ana, deviceId: thirdId! }, undefined), 'removed');
    const reopened = await reopen();
    assert.equal((await reopened.accountById(ana.accountId))!.deviceList!.revision, 3);
    const fourth = newDevice();
    const linked = await reopened.linkDevice(ana.accountId, fourth, deviceList(4, primary, fourth), 5, NOW);
    assert.ok(linked.type === 'linked' && linked.address.deviceId > thirdId!, 'ids are never used again');
    const missing = await reopened.removeDevice({ ...ana, deviceId: 99 as DeviceId }, deviceList(5, primary));
    assert.equal(missing, 'device-unknown');
  });

  contract('[MSG-10] registering anew ends the list and the push targets', async ({ store }) => {
    const primary = newDevice();
    const ana = await register(store, 'ana', primary);
    const second = await link(store, ana, primary);
    await store.setPushTarget(ana, 'apns', { service: 'apns', token: 't', p256dh: undefined, auth: undefined });
    const again = await store.registerDevice('ana' as Handle, newId() as AccountId, newDevice(), NOW);
    assert.deepEqual(again.removed, [ana.deviceId, second.deviceId]);
    const account = await store.accountById(ana.accountId);
    assert.deepEqual(account?.deviceIds, [again.address.deviceId]);
    assert.equal(account?.deviceList, undefined);
    assert.equal((await store.takeBundles(ana.accountId, []))?.deviceList, undefined);
    for (const address of [ana, again.address]) assert.deepEqual(await store.pushTargets(address), []);
  });

  contract('last seen is of the device and of its account, and never goes back', async ({ store }) => {
    const primary = newDevice();
    const ana = await register(store, 'ana', primary);
    const second = await link(store, ana, primary);
    assert.equal(await store.lastSeenMs(newId() as AccountId), 0);
    await store.seen(ana, NOW + 10);
    await store.seen(second, NOW + 20);
    await store.seen(second, NOW + 15);
    await store.seen({ ...ana, deviceId: 99 as DeviceId }, NOW + 90);
    assert.equal(await store.lastSeenMs(ana.accountId), NOW + 20);
    assert.deepEqual(
      (await store.devices(ana.accountId)).map((device) => device.lastSeenMs),
      [NOW + 10, NOW + 20],
    );
  });
}
