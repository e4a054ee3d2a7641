// How far the person has read a conversation, here or on another device.
import type { ConversationId, MessageId } from '@carillon/protocol';
import { readConversationRecord, setUnread } from '../conversations/conversations.ts';
import { findMessage, listMessages, updateMessage } from '../conversations/history.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';

const PAGE = 100;
/** Unread messages further back than this stay unread. */
const READ_AT_ONCE_MAX = 1_000;

/** Everything unread up to this message is read; nothing is said to the others, who were told by the device that read it. */
export async function applyReadMark(
  tx: StoreTransaction,
  changes: Changes,
  conversation: ConversationId,
  upTo: MessageId,
): Promise<void> {
  const record = await readConversationRecord(tx, conversation);
  const last = await findMessage(tx, upTo);
  if (!record || last?.conversation !== conversation) return;
  let { unread } = record;
  let beforeMs = last.sentAtMs + 1;
  for (let seen = 0; unread > 0 && seen < READ_AT_ONCE_MAX; seen += PAGE) {
    const page = await listMessages(tx, conversation, { beforeMs, limit: PAGE });
    for (const message of page.filter(({ status }) => status === 'unread')) {
      await updateMessage(tx, changes, { ...message, status: 'read' });
      unread = Math.max(0, unread - 1);
    }
    if (page.length < PAGE) break;
    beforeMs = page[0]!.sentAtMs;
  }
  if (unread === record.unread) return;
  await setUnread(tx, record, unread);
  changes.conversation(conversation);
}
