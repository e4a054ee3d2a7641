// The own account as this device knows it: its primary identity, the list that
// the primary has signed, and the devices that the server names.
import type { DeviceId } from '@carillon/protocol';
import { readKeys } from '../account/profile.ts';
import { type ContactRecord, newContact, readContact, writeContact } from '../contacts/contactRecord.ts';
import { type KnownDeviceList, sameBytes } from '../contacts/deviceLists.ts';
import { meetList, withDevices } from '../contacts/trust.ts';
import type { Account } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

/** A device that registered is its account's primary. */
export async function readOwnRecord(tx: StoreTransaction, account: Account): Promise<ContactRecord> {
  const known = await readContact(tx, account.accountId);
  if (known) return known;
  const { identity } = await readKeys(tx);
  const fresh = newContact(account.accountId, account.handle, [account.deviceId]);
  return { ...fresh, trusted: [identity.publicKey] };
}

/** What the server says of the account's devices, and the list it shows for them. */
export async function meetOwnDevices(
  tx: StoreTransaction,
  account: Account,
  deviceIds: readonly DeviceId[],
  list?: KnownDeviceList,
): Promise<void> {
  const devices = [...new Set([...deviceIds, account.deviceId])];
  await writeContact(tx, meetList(withDevices(await readOwnRecord(tx, account), devices), list));
}

/** Those that get copies of what this one does. */
export async function otherDevices(tx: StoreTransaction, account: Account): Promise<readonly DeviceId[]> {
  const known = await readContact(tx, account.accountId);
  return known?.devices.filter((deviceId) => deviceId !== account.deviceId) ?? [];
}

/** The primary's identity: what the account's safety number is made of. */
export async function primaryIdentity(tx: StoreTransaction, account: Account): Promise<Uint8Array> {
  return (await readOwnRecord(tx, account)).trusted[0]!;
}

export async function isPrimary(tx: StoreTransaction, account: Account): Promise<boolean> {
  const { identity } = await readKeys(tx);
  return sameBytes(await primaryIdentity(tx, account), identity.publicKey);
}

/** The newest list of the own primary; undefined while nothing was ever linked. */
export async function ownList(tx: StoreTransaction, account: Account): Promise<KnownDeviceList | undefined> {
  const record = await readOwnRecord(tx, account);
  return record.lists.find(({ identityKeys }) => sameBytes(identityKeys[0], record.trusted[0]!));
}

export const nameKey = (deviceId: DeviceId) => `device-name/${deviceId}`;

export async function deviceName(tx: StoreTransaction, deviceId: DeviceId): Promise<string> {
  return (await tx.get<string>('account', nameKey(deviceId))) ?? '';
}
