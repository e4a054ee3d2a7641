import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccountId, deviceListProof } from '@carillon/protocol';
import type { DeviceListRecord } from '../../src/core/messagingStore.ts';
import { checkDeviceList, newIdentity, primaryIdentity } from '../../src/core/signedDeviceList.ts';
import { TestIdentity } from '../testDevice.ts';

const accountId = 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId;
const other = 'BBBBBBBBBBBBBBBBBBBBBA' as AccountId;
const [primary, second, third] = [new TestIdentity(), new TestIdentity(), new TestIdentity()];
const keysOf = (...identities: TestIdentity[]) => identities.map(({ publicKey }) => new Uint8Array(publicKey));
const context = {
  accountId,
  primary: new Uint8Array(primary.publicKey),
  before: undefined as DeviceListRecord | undefined,
  identityKeys: keysOf(primary, second),
};
const good = primary.deviceList(accountId, 1, [second]);
const signed = (identityKeys: Uint8Array[], revision = 1, signer = primary, of = accountId): DeviceListRecord => ({
  revision,
  identityKeys,
  signature: Buffer.from(signer.sign(deviceListProof(of, revision, identityKeys)), 'base64url'),
});
const refused = (list: DeviceListRecord, change: Partial<typeof context> = {}) =>
  assert.throws(() => checkDeviceList(list, { ...context, ...change }), { code: 'device-list-invalid' });

test('[AUTH-8] a list the primary signed, newer and naming exactly the devices, is taken', () => {
  checkDeviceList(good, context);
  checkDeviceList(primary.deviceList(accountId, 8, [third, second]), {
    ...context,
    before: primary.deviceList(accountId, 7, [second]),
    identityKeys: keysOf(second, primary, third),
  });
});

test('[AUTH-8] any other list is refused: another signer, account, order, revision, or set of devices', () => {
  refused(signed(keysOf(primary, second), 1, second));
  refused(signed(keysOf(primary, second), 1, primary, other));
  refused(signed(keysOf(second, primary)));
  refused(second.deviceList(accountId, 1, [primary]));
  refused(good, { before: good });
  refused(good, { before: primary.deviceList(accountId, 2, [second]) });
  refused(primary.deviceList(accountId, 1, []));
  refused(primary.deviceList(accountId, 1, [second, third]));
  refused(primary.deviceList(accountId, 1, [third]));
  refused({ ...good, revision: 2 });
  refused({ ...good, signature: good.signature.map((byte, i) => (i === 9 ? byte ^ 1 : byte)) });
  refused({ ...good, signature: good.signature.subarray(1) });
});

test('[AUTH-8] a list that is no list is refused: twice the same key, none, six, weak keys, revisions out of range', () => {
  refused(signed(keysOf(primary, second, second)), { identityKeys: keysOf(primary, second, second) });
  refused(signed([]), { identityKeys: [] });
  const six = Array.from({ length: 5 }, () => new TestIdentity());
  refused(primary.deviceList(accountId, 1, six), { identityKeys: keysOf(primary, ...six) });
  // Of small order, and not canonical.
  for (const weak of [new Uint8Array(32), new Uint8Array(32).fill(0xff), new Uint8Array(31)])
    refused(signed([...keysOf(primary), weak]), { identityKeys: [...keysOf(primary), weak] });
  for (const revision of [0, 2 ** 32, 1.5, Number.NaN]) refused({ ...good, revision });
});

test('the one new identity of a list is found; the primary is the first listed, or the sole device', () => {
  assert.deepEqual(newIdentity(good, keysOf(primary)), new Uint8Array(second.publicKey));
  for (const present of [keysOf(primary, second), []])
    assert.throws(() => newIdentity(good, present), { code: 'device-list-invalid' });
  assert.deepEqual(primaryIdentity(good, []), new Uint8Array(primary.publicKey));
  assert.deepEqual(primaryIdentity(undefined, [{ identityKey: second.publicKey }]), second.publicKey);
  assert.equal(primaryIdentity(undefined, []), undefined);
});
