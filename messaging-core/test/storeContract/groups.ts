// Groups: rosters, the changes that led to them, and whose devices they reach.
import assert from 'node:assert/strict';
import type { Address, GroupId, Handle } from '@carillon/protocol';
import {
  type Contract,
  change,
  deviceList,
  fanOutAll,
  group,
  groupMessage,
  link,
  NOW,
  newDevice,
  newId,
  page,
  register,
  roster,
} from './fixtures.ts';

export function groupContract(contract: Contract): void {
  contract('[GROUP-1] a roster is followed by the one after it, and by no other', async ({ store, reopen }) => {
    const [ana, ben, cyd] = [await register(store, 'ana'), await register(store, 'ben'), await register(store, 'cyd')];
    const first = roster([ana, ben]);
    const record = { roster: first, devicesRevision: 1, sealedState: new Uint8Array([1]) };
    const outcomes = await Promise.all([store.createGroup(record, change(1)), store.createGroup(record, change(1))]);
    assert.deepEqual(outcomes, ['stored', 'exists']);
    const second = roster([ana, cyd], 2, first.groupId);
    const others = [
      store.changeGroup(second, undefined, change(2), 10),
      store.changeGroup(second, undefined, change(2), 10),
    ];
    assert.deepEqual(await Promise.all(others), ['stored', 'stale']);
    assert.equal(await store.changeGroup(roster([ana], 4, first.groupId), undefined, change(4), 10), 'stale');
    assert.equal(await store.changeGroup(roster([ana], 2), undefined, change(2), 10), 'unknown');
    const reopened = await reopen();
    const found = await reopened.group(first.groupId);
    assert.deepEqual(found?.roster.members, second.members);
    assert.deepEqual([found?.roster.revision, found?.roster.groupId, found?.devicesRevision], [2, first.groupId, 1]);
    assert.deepEqual([...found!.sealedState], [1], 'kept where none was given');
    const third = roster([cyd, ana], 3, first.groupId);
    assert.equal(await reopened.changeGroup(third, new Uint8Array([2]), change(3), 10), 'stored');
    const after = await reopened.group(first.groupId);
    assert.equal(after?.roster.members.get(cyd.accountId), 'admin');
    assert.deepEqual([...after!.sealedState], [2]);
    assert.equal(await reopened.group(`g${newId()}` as GroupId), undefined);
  });

  contract('[GROUP-1] the newest changes are kept for members that were away', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const { groupId } = await group(store, [ana, ben]);
    const changes = [2, 3, 4, 5].map(change);
    for (const one of changes) await store.changeGroup(roster([ana, ben], one.revision, groupId), undefined, one, 3);
    const kept = await store.groupChanges(groupId, 0, 1000);
    assert.deepEqual(
      kept.map((one) => one.revision),
      [3, 4, 5],
    );
    assert.deepEqual([...kept[0]!.signedChange], [...changes[1]!.signedChange]);
    assert.deepEqual(
      (await store.groupChanges(groupId, 4, 1000)).map((one) => one.revision),
      [5],
    );
    const sizes = [0, 40, 79, 80, 120].map(async (bytesMax) => (await store.groupChanges(groupId, 0, bytesMax)).length);
    assert.deepEqual(await Promise.all(sizes), [1, 1, 1, 2, 3], 'no more than was asked for is read');
    assert.deepEqual(await store.groupChanges(`g${newId()}` as GroupId, 0, 1000), []);
  });

  contract('[GROUP-2] who gains or loses a device moves the devices revision of their groups', async ({ store }) => {
    const primary = newDevice();
    const [ana, ben] = [await register(store, 'ana', primary), await register(store, 'ben')];
    const [both, benOnly] = [await group(store, [ana, ben]), await group(store, [ben])];
    const revision = async () => (await store.group(both.groupId))!.devicesRevision;
    const devicesOf = async (address: Address) =>
      (await store.memberDevices(both.groupId)).find(({ accountId }) => accountId === address.accountId)?.deviceIds;
    let before = await revision();
    const moved = async (why: string) => {
      const now = await revision();
      assert.ok(now > before, why);
      before = now;
    };
    const second = await link(store, ana, primary);
    await moved('linked');
    assert.deepEqual([...(await devicesOf(ana))!].sort(), [ana.deviceId, second.deviceId]);
    assert.equal(await store.removeDevice(second, deviceList(1, primary)), 'list-refused');
    assert.equal(await revision(), before);
    await store.removeDevice(second, deviceList(2, primary));
    await moved('removed');
    await store.registerDevice('ana' as Handle, ana.accountId, newDevice(), NOW);
    await moved('registered anew');
    assert.equal((await devicesOf(ana))?.length, 1);
    assert.deepEqual(await devicesOf(ben), [ben.deviceId]);
    assert.equal((await store.group(benOnly.groupId))!.devicesRevision, 1, 'a group without the account');
    assert.deepEqual(await store.memberDevices(`g${newId()}` as GroupId), []);
  });

  contract('[GROUP-1] a group without members ends; what was sent to it is still there', async ({ store }) => {
    const [ana, ben] = [await register(store, 'ana'), await register(store, 'ben')];
    const { groupId } = await group(store, [ana, ben]);
    await store.acceptGroupMessage(await groupMessage(store, ana, groupId));
    await fanOutAll(store);
    const late = await groupMessage(store, ana, groupId);
    await store.acceptGroupMessage(late);
    assert.equal(await store.changeGroup(roster([], 2, groupId), undefined, change(2), 10), 'stored');
    assert.equal(await store.group(groupId), undefined);
    assert.deepEqual(await store.groupChanges(groupId, 0, 1000), []);
    assert.deepEqual(await fanOutAll(store), []);
    assert.equal((await page(store, ben)).length, 1);
    assert.deepEqual(await store.acceptGroupMessage(await groupMessage(store, ana, groupId)), {
      type: 'group-unknown',
    });
    assert.deepEqual(await store.acceptGroupMessage(late), { type: 'repeated', acceptedAtMs: NOW });
  });
}
