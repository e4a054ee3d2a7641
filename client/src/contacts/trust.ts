// Trust on first use: the identities first seen are believed, any later one
// waits until the person has accepted it.
import type { DeviceId } from '@carillon/protocol';
import type { ContactRecord } from './contactRecord.ts';

export type Trust = 'trusted' | 'changed';

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

/** Takes note of the identity a device showed. */
export function meetIdentity(
  record: ContactRecord,
  deviceId: DeviceId,
  identityKey: Uint8Array,
): { record: ContactRecord; trust: Trust; isNews: boolean } {
  if (same(record.trusted[deviceId], identityKey)) return { record, trust: 'trusted', isNews: false };
  if (same(record.changed[deviceId], identityKey)) return { record, trust: 'changed', isNews: false };
  const key = new Uint8Array(identityKey);
  if (Object.keys(record.trusted).length === 0) {
    return { record: { ...record, trusted: { [deviceId]: key } }, trust: 'trusted', isNews: true };
  }
  return { record: { ...record, changed: { ...record.changed, [deviceId]: key } }, trust: 'changed', isNews: true };
}

/** First contact: all the devices that one answer of the server named are believed together. */
export function meetFirst(record: ContactRecord, keys: ReadonlyMap<DeviceId, Uint8Array>): ContactRecord {
  if (Object.keys(record.trusted).length > 0) return record;
  return {
    ...record,
    trusted: Object.fromEntries([...keys].map(([deviceId, key]) => [deviceId, new Uint8Array(key)])),
  };
}

/** The person accepts what was seen; identities of devices that are gone are forgotten. */
export function acceptChange(record: ContactRecord): ContactRecord {
  const all = { ...record.trusted, ...record.changed };
  const present = Object.entries(all).filter(([deviceId]) => record.devices.includes(Number(deviceId) as DeviceId));
  const kept = present.length > 0 ? Object.fromEntries(present) : { ...record.changed };
  return { ...record, trusted: kept, changed: {} };
}

/** What the safety number is made of: the newest known of each device the account has now. */
export function currentIdentities(record: ContactRecord): Uint8Array[] {
  const all: Readonly<Record<number, Uint8Array>> = { ...record.trusted, ...record.changed };
  return record.devices.map((deviceId) => all[deviceId]).filter((key) => key !== undefined);
}
