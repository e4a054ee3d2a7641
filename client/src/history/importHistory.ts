// Taking in what the primary has sent of the past. In batches, each of which is
// durable together with how far it got: a device that is killed goes on there,
// and what was taken in already is known.
import { newContact, readContact, writeContact } from '../contacts/contactRecord.ts';
import { meetList } from '../contacts/trust.ts';
import { readConversationRecord, setUnread, touchConversation } from '../conversations/conversations.ts';
import { addMessage, findMessage } from '../conversations/history.ts';
import { keepMediaBytes } from '../media/mediaMessage.ts';
import type { StoreTransaction } from '../ports.ts';
import { Changes, type Ledger } from '../store/ledger.ts';
import { type ContactLine, type MessageLine, messageOf, readLines } from './historyLines.ts';

/** Lines a transaction. More is faster, and keeps what arrives meanwhile waiting longer. */
const BATCH = 200;
const progressKey = 'history-lines-done';

/** @param onProgress lines done, of all */
export async function importHistory(
  ledger: Ledger,
  blob: Uint8Array,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const lines = [...readLines(blob)];
  let done = (await ledger.read((tx) => tx.get<number>('account', progressKey))) ?? 0;
  while (done < lines.length && !signal.aborted) {
    const batch = lines.slice(done, done + BATCH);
    const next = done + batch.length;
    await ledger.change(async (tx, changes) => {
      // Thousands of messages of the past are not told one by one.
      const untold = new Changes();
      for (const line of batch) {
        if (line?.line === 'contact') await importContact(tx, line);
        else if (line?.line === 'conversation') {
          const { id, updatedAtMs, accepted, heard } = line;
          await touchConversation(tx, id, updatedAtMs, { accepted, heard });
        } else if (line) await importMessage(tx, untold, line);
      }
      for (const id of untold.conversations) changes.conversation(id);
      await tx.put('account', progressKey, next);
    });
    done = next;
    onProgress(done, lines.length);
  }
}

/** After the last batch. */
export const forgetImportProgress = (tx: StoreTransaction): Promise<void> => tx.delete('account', progressKey);

/** Whom the primary trusts, this device trusts, also where it has met somebody by itself meanwhile. */
async function importContact(tx: StoreTransaction, line: ContactLine): Promise<void> {
  const { accountId, handle, name, trusted, lists, former } = line;
  const known = await readContact(tx, accountId);
  if (!known) {
    await writeContact(tx, { ...newContact(accountId, handle, []), name, trusted, lists, former });
  } else if (trusted.length > 0) {
    const renamed = known.name === known.handle ? name : known.name;
    await writeContact(tx, lists.reduce(meetList, { ...known, name: renamed, trusted }));
  }
}

async function importMessage(tx: StoreTransaction, changes: Changes, line: MessageLine): Promise<void> {
  const imported = messageOf(line);
  if (!imported || (await findMessage(tx, imported.message.id))) return;
  const { message, mediaKey } = imported;
  await addMessage(tx, changes, message);
  if (mediaKey) await keepMediaBytes(tx, message.id, mediaKey);
  if (message.status !== 'unread') return;
  const record = await readConversationRecord(tx, message.conversation);
  if (record) await setUnread(tx, record, record.unread + 1);
}
