// Trust on first use: the identities first seen are believed, any later one
// waits until the person has accepted it.
import type { DeviceId } from '@carillon/protocol';
import { type ContactRecord, hasChangedIdentity } from './contactRecord.ts';

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

/** Whether this device has shown an identity, accepted or not. */
export const isMet = ({ trusted, changed }: ContactRecord, deviceId: DeviceId): boolean =>
  trusted[deviceId] !== undefined || changed[deviceId] !== undefined;

/** First contact: all the devices that the server names are believed together. */
export function meetFirst(record: ContactRecord, keys: ReadonlyMap<DeviceId, Uint8Array>): ContactRecord {
  if (Object.keys(record.trusted).length > 0) return record;
  const named = [...keys].filter(([deviceId]) => record.devices.includes(deviceId));
  return { ...record, trusted: Object.fromEntries(named.map(([deviceId, key]) => [deviceId, new Uint8Array(key)])) };
}

/**
 * The devices that the server names now. Only what is named counts in the safety
 * number, so only that stays trusted: a device that was left out of the number
 * that two people compared must not be let in unseen afterwards. The last ones
 * are kept all the same, or the next identity would pass for the first.
 */
export function withDevices(record: ContactRecord, devices: readonly DeviceId[]): ContactRecord {
  const ofNamed = (keys: ContactRecord['trusted']) =>
    Object.fromEntries(Object.entries(keys).filter(([deviceId]) => devices.includes(Number(deviceId) as DeviceId)));
  const trusted = ofNamed(record.trusted);
  return {
    ...record,
    devices,
    trusted: Object.keys(trusted).length > 0 ? trusted : record.trusted,
    changed: ofNamed(record.changed),
  };
}

/** The person accepts what was seen; identities of devices that are gone are forgotten. */
export function acceptChange(record: ContactRecord): ContactRecord {
  if (!hasChangedIdentity(record)) return record;
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
