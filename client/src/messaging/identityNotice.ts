import { bytesToBase64url, type MessageId } from '@carillon/protocol';
import type { ContactRecord } from '../contacts/contactRecord.ts';
import { addNotice } from '../conversations/writing.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';

/** Tells, in the conversation, that a contact shows an identity not known before. */
export async function noteIdentityChange(
  tx: StoreTransaction,
  changes: Changes,
  contact: ContactRecord,
  nowMs: number,
): Promise<void> {
  const id = bytesToBase64url(crypto.getRandomValues(new Uint8Array(16))) as MessageId;
  const words =
    `The safety number of ${contact.name} has changed: they may have a new device or have signed up again. ` +
    'Compare it with them, then accept it to go on writing.';
  await addNotice(tx, changes, { id, conversation: contact.accountId, words, atMs: nowMs });
  changes.conversation(contact.accountId);
}
