import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { AccountId, Address, DeviceId, GroupId, MessageId } from '@carillon/protocol';
import { claimKey, keepWaiting, takeWaiting } from '../../src/groups/groupQueue.ts';
import { writeGroup } from '../../src/groups/groupRecord.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';

const id = () => randomBytes(16).toString('base64url');
const newGroup = () => `g${id()}` as GroupId;
const newAddress = (): Address => ({ accountId: id() as AccountId, deviceId: 1 as DeviceId });

describe('what waits in a group', () => {
  let store: SqliteStore;
  beforeEach(() => {
    store = new SqliteStore(':memory:');
  });
  afterEach(() => store.close());

  const know = (groupId: GroupId) =>
    store.transaction((tx) =>
      writeGroup(tx, {
        groupId,
        key: new Uint8Array(32),
        revision: 1,
        members: [],
        name: 'Known',
        picture: undefined,
        stateDigest: new Uint8Array(32),
        joined: true,
        devicesRevision: 0n,
      }),
    );
  const keep = (groupId: GroupId, from: Address) =>
    store.transaction((tx) =>
      keepWaiting(tx, {
        groupId,
        from,
        messageId: id() as MessageId,
        ciphertext: new Uint8Array(8),
        acceptedAtMs: 1,
        keptAtMs: 1,
      }),
    );

  test('[GROUP-25] strangers’ groups take the place of nobody’s who is known', async () => {
    const known = newGroup();
    await know(known);
    await store.transaction(async (tx) => {
      for (let i = 0; i < 400; i++) {
        const groupId = newGroup();
        await tx.put('groups', `wait/${groupId}/x`, { groupId, keptAtMs: 1 });
      }
    });
    const unknown = newGroup();
    await keep(unknown, newAddress());
    assert.equal((await store.transaction((tx) => takeWaiting(tx, unknown))).length, 0);
    await keep(known, newAddress());
    assert.equal((await store.transaction((tx) => takeWaiting(tx, known))).length, 1);
  });

  test('[GROUP-25] of groups that are not known one device’s keys are kept for a few', async () => {
    const from = newAddress();
    const groups = Array.from({ length: 33 }, newGroup);
    const claims: boolean[] = [];
    for (const groupId of groups) claims.push(await store.transaction((tx) => claimKey(tx, groupId, from)));
    assert.equal(claims.filter(Boolean).length, 32);
    assert.equal(claims.at(-1), false);
    // Again, and of a known one, and once one has become known.
    assert.ok(await store.transaction((tx) => claimKey(tx, groups[0]!, from)));
    await know(groups[1]!);
    assert.ok(await store.transaction((tx) => claimKey(tx, groups[1]!, from)));
    assert.ok(await store.transaction((tx) => claimKey(tx, groups.at(-1)!, from)));
  });
});
