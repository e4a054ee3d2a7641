import type { AccountId, GroupId, Handle } from '@carillon/protocol';
import { readProfile } from '../account/profile.ts';
import { contactView, readContact } from '../contacts/contactRecord.ts';
import type { Contact, GroupMemberView, GroupView } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { readGroup } from './groupRecord.ts';

/** A group as a screen shows it. */
export async function readGroupView(tx: StoreTransaction, groupId: GroupId): Promise<GroupView | undefined> {
  const group = await readGroup(tx, groupId);
  const self = await readProfile(tx);
  if (!group || !self) return undefined;
  const members: GroupMemberView[] = [];
  for (const [accountId, role] of group.members) {
    const contact = accountId === self.accountId ? self : await memberContact(tx, accountId);
    const { handle, name } = contact;
    members.push({ contact: { accountId, handle, name }, admin: role === 'admin' });
  }
  const { name, picture, joined, revision } = group;
  const admin = joined && members.some((member) => member.admin && member.contact.accountId === self.accountId);
  return { groupId, name, picture, members, admin, joined, revision };
}

/** Nameless until the directory has been asked. */
export async function memberContact(tx: StoreTransaction, accountId: AccountId): Promise<Contact> {
  const known = await readContact(tx, accountId);
  return known ? contactView(known) : { accountId, handle: '' as Handle, name: 'Someone' };
}
