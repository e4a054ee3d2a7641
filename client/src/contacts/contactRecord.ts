// What this device knows of another account: its name, its devices, and which
// identities the person trusts (at first use, or by accepting a change).
import type { AccountId, DeviceId, Handle } from '@carillon/protocol';
import type { Contact } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

export interface ContactRecord {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly name: string;
  /** As the server last said. */
  readonly devices: readonly DeviceId[];
  /** By device, also of the last ones that are gone: the first of all is trusted at once, any other must be accepted. */
  readonly trusted: Readonly<Record<number, Uint8Array>>;
  /** Seen, and not accepted yet: nothing is sent meanwhile. */
  readonly changed: Readonly<Record<number, Uint8Array>>;
}

export const readContact = (tx: StoreTransaction, accountId: AccountId): Promise<ContactRecord | undefined> =>
  tx.get<ContactRecord>('contacts', accountId);

export const writeContact = (tx: StoreTransaction, record: ContactRecord): Promise<void> =>
  tx.put('contacts', record.accountId, record);

export function newContact(accountId: AccountId, handle: Handle, devices: readonly DeviceId[]): ContactRecord {
  return { accountId, handle, name: handle, devices, trusted: {}, changed: {} };
}

export function contactView(record: ContactRecord): Contact {
  return { accountId: record.accountId, handle: record.handle, name: record.name };
}

export const hasChangedIdentity = (record: ContactRecord): boolean => Object.keys(record.changed).length > 0;
