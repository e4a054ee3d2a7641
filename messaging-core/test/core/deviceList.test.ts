import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, DeviceId } from '@carillon/protocol';
import { deviceDifference } from '../../src/core/deviceList.ts';

const ids = (...numbers: number[]) => numbers as DeviceId[];
const ana = 'ana' as AccountId;
const ben = 'ben' as AccountId;
const sender = { accountId: ana, deviceId: 2 as DeviceId };

test('[MSG-5] the difference between the devices named and those there are', () => {
  const recipient = { accountId: ben, deviceIds: ids(1, 2, 3) };
  assert.equal(deviceDifference(ids(3, 2, 1), recipient, sender), undefined);
  assert.deepEqual(deviceDifference(ids(1, 4), recipient, sender), { missing: [2, 3], gone: [4] });
  assert.deepEqual(deviceDifference([], recipient, sender), { missing: [1, 2, 3], gone: [] });
});

test('[MSG-5] to the own account: the other devices, not the sending one', () => {
  const own = { accountId: ana, deviceIds: ids(1, 2, 3) };
  assert.equal(deviceDifference(ids(1, 3), own, sender), undefined);
  assert.deepEqual(deviceDifference(ids(1, 2, 3), own, sender), { missing: [], gone: [2] });
  assert.equal(deviceDifference([], { accountId: ana, deviceIds: ids(2) }, sender), undefined);
});
