// Trust on first use: the primary identity first met is believed, and whatever
// device it has signed into its list. Any other identity waits until the person
// has accepted it [E2EE-13].
import type { DeviceId } from '@carillon/protocol';
import type { ContactRecord } from './contactRecord.ts';
import { includesBytes as includes, type KnownDeviceList, sameBytes } from './deviceLists.ts';

export type Trust = 'trusted' | 'changed';

/** Lists kept of primaries that are not trusted: the newest, in case the person accepts it. */
const FOREIGN_LISTS_MAX = 2;
const FORMER_MAX = 16;

/**
 * The primary that answers for an identity: one whose list names it, a trusted
 * one first; else the identity itself. Nobody can claim a trusted primary by
 * naming it in a list of their own.
 */
export function rootOf(record: ContactRecord, identity: Uint8Array): Uint8Array {
  if (includes(record.trusted, identity)) return identity;
  const naming = record.lists.filter(({ identityKeys }) => includes(identityKeys, identity));
  const roots = naming.map(({ identityKeys }) => identityKeys[0]!);
  return roots.find((root) => includes(record.trusted, root)) ?? roots.at(-1) ?? identity;
}

export const isTrusted = (record: ContactRecord, identity: Uint8Array): boolean =>
  includes(record.trusted, rootOf(record, identity));

/** It was the account's, and its primary has taken it off the list since. */
export const isFormer = (record: ContactRecord, identity: Uint8Array): boolean => includes(record.former, identity);

/**
 * Takes note of a list whose signature was checked. One that is older than what
 * its primary signed before is ignored: a server must not bring a device back.
 */
export function meetList(record: ContactRecord, list: KnownDeviceList | undefined): ContactRecord {
  if (!list) return record;
  const primary = list.identityKeys[0]!;
  const old = record.lists.find(({ identityKeys }) => sameBytes(identityKeys[0], primary));
  if (old && old.revision >= list.revision) return record;
  const others = record.lists.filter((one) => one !== old);
  const ofTrusted = (one: KnownDeviceList) => includes(record.trusted, one.identityKeys[0]!);
  const lists = [
    ...others.filter(ofTrusted),
    ...others.filter((one) => !ofTrusted(one)).slice(-(FOREIGN_LISTS_MAX - 1)),
    list,
  ];
  if (!ofTrusted(list)) return { ...record, lists };
  const removed = (old?.identityKeys ?? []).filter((key) => !includes(list.identityKeys, key));
  const isRemoved = (deviceId: DeviceId) => {
    const identity = record.identities[deviceId];
    return identity !== undefined && includes(removed, identity);
  };
  return {
    ...record,
    lists,
    devices: record.devices.filter((deviceId) => !isRemoved(deviceId)),
    former: [...record.former.filter((key) => !includes(list.identityKeys, key)), ...removed].slice(-FORMER_MAX),
  };
}

/** Takes note of the identity a device showed; `isNews` when it had not shown it before. */
export function meetIdentity(
  record: ContactRecord,
  deviceId: DeviceId,
  identity: Uint8Array,
): { record: ContactRecord; trust: Trust; isNews: boolean } {
  const isNews = !sameBytes(record.identities[deviceId], identity);
  const key = new Uint8Array(identity);
  const met = isNews ? { ...record, identities: { ...record.identities, [deviceId]: key } } : record;
  const known = met.trusted.length === 0 ? { ...met, trusted: [rootOf(met, key)] } : met;
  return { record: known, trust: isTrusted(known, key) ? 'trusted' : 'changed', isNews };
}

/** Whether this device has shown an identity, accepted or not. */
export const isMet = ({ identities }: ContactRecord, deviceId: DeviceId): boolean => identities[deviceId] !== undefined;

/** The devices that the server names now; what those that are gone have shown is forgotten, whom one trusts is not. */
export function withDevices(record: ContactRecord, devices: readonly DeviceId[]): ContactRecord {
  return { ...record, devices, identities: ofNamed(record.identities, devices) };
}

/** The person accepts what the account's present devices have shown, and nothing that is gone. */
export function acceptChange(record: ContactRecord): ContactRecord {
  const roots = currentRoots(record);
  return roots.length > 0 ? { ...record, trusted: roots } : record;
}

/**
 * What the safety number is made of: who answers for the devices that the account
 * has now. Of an honest account that is its primary alone; a device that the
 * primary has not signed for changes the number.
 */
export function currentRoots(record: ContactRecord): Uint8Array[] {
  const roots: Uint8Array[] = [];
  for (const identity of Object.values(ofNamed(record.identities, record.devices))) {
    const root = rootOf(record, identity);
    if (!includes(roots, root)) roots.push(root);
  }
  return roots.length > 0 ? roots : [...record.trusted];
}

function ofNamed(identities: ContactRecord['identities'], devices: readonly DeviceId[]): Record<number, Uint8Array> {
  const named = Object.entries(identities).filter(([deviceId]) => devices.includes(Number(deviceId) as DeviceId));
  return Object.fromEntries(named);
}
