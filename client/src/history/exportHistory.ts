// The past of this device, made ready for one that was just linked.
import { type AccountId, concatBytes } from '@carillon/protocol';
import type { ContactRecord } from '../contacts/contactRecord.ts';
import type { ConversationRecord } from '../conversations/conversations.ts';
import { listMessages } from '../conversations/history.ts';
import { readMediaBytes } from '../media/mediaMessage.ts';
import type { Ledger } from '../store/ledger.ts';
import { contactLine, conversationLine, messageLine } from './historyLines.ts';

/** More is a longer wait for both devices; people look back a few screens. */
const CONVERSATIONS_MAX = 100;
const MESSAGES_PER_CONVERSATION_MAX = 200;
/** All of it in one blob, held in memory by both devices. */
export const HISTORY_BYTES_MAX = 16 * 1024 * 1024;

/** The newest conversations first; those that no longer fit are left out, older messages before newer ones. */
export async function exportHistory(
  ledger: Ledger,
  own: AccountId,
  bytesMax = HISTORY_BYTES_MAX,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let left = bytesMax;
  const add = (line: Uint8Array | undefined): boolean => {
    if (!line) return true;
    if (line.length > left) return false;
    left -= line.length;
    parts.push(line);
    return true;
  };
  const { contacts, conversations } = await ledger.read(async (tx) => ({
    contacts: await tx.list<ContactRecord>('contacts'),
    conversations: await tx.list<ConversationRecord>('conversations'),
  }));
  for (const { value } of contacts) if (value.accountId !== own) add(contactLine(value));
  conversations.sort((a, b) => b.value.updatedAtMs - a.value.updatedAtMs);
  for (const { value } of conversations) add(conversationLine(value));
  for (const { value } of conversations.slice(0, CONVERSATIONS_MAX)) {
    const lines = await ledger.read(async (tx) => {
      const messages = await listMessages(tx, value.id, { limit: MESSAGES_PER_CONVERSATION_MAX });
      const lines: (Uint8Array | undefined)[] = [];
      for (const message of messages) {
        const key = message.body.type === 'media' ? await readMediaBytes(tx, message.id) : undefined;
        lines.push(messageLine(message, key));
      }
      return lines;
    });
    // Newest first, so that a bound cuts off the oldest; whoever reads them orders by time.
    for (const line of lines.reverse()) if (!add(line)) break;
  }
  return concatBytes(...parts);
}
