// What this device knows of another account: its name, its devices, and which
// primary identities the person trusts (at first use, or by accepting a change).
// The own account has such a record, too: which devices may speak to each other.
import type { AccountId, DeviceId, Handle } from '@carillon/protocol';
import type { Contact } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { KnownDeviceList } from './deviceLists.ts';
import { isTrusted } from './trust.ts';

export interface ContactRecord {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly name: string;
  /** As the server last said. */
  readonly devices: readonly DeviceId[];
  /** The identity that each of them has shown, trusted or not. */
  readonly identities: Readonly<Record<number, Uint8Array>>;
  /** Primary identities: the first of all is trusted at once, any other must be accepted. */
  readonly trusted: readonly Uint8Array[];
  /** The newest signed list of each primary that showed one. */
  readonly lists: readonly KnownDeviceList[];
  /** Identities that a trusted primary has taken off its list: what they wrote before may still be on its way. */
  readonly former: readonly Uint8Array[];
}

export const readContact = (tx: StoreTransaction, accountId: AccountId): Promise<ContactRecord | undefined> =>
  tx.get<ContactRecord>('contacts', accountId);

export const writeContact = (tx: StoreTransaction, record: ContactRecord): Promise<void> =>
  tx.put('contacts', record.accountId, record);

export function newContact(accountId: AccountId, handle: Handle, devices: readonly DeviceId[]): ContactRecord {
  return { accountId, handle, name: handle, devices, identities: {}, trusted: [], lists: [], former: [] };
}

export function contactView(record: ContactRecord): Contact {
  return { accountId: record.accountId, handle: record.handle, name: record.name };
}

/** A device that the account has now showed an identity that is not trusted: nothing is sent meanwhile. */
export const hasChangedIdentity = (record: ContactRecord): boolean =>
  record.devices.some((deviceId) => {
    const identity = record.identities[deviceId];
    return identity !== undefined && !isTrusted(record, identity);
  });
