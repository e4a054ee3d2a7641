// A receipt for what another device of this account has sent may come before
// that device's copy of it. It is remembered here until the copy comes.
import type { ConversationId, MessageId } from '@carillon/protocol';
import type { MessageStatus } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';

type ReceiptStatus = Extract<MessageStatus, 'delivered' | 'read'>;

/** Of one conversation: whoever makes up ids fills no more than this. Fewer, and ticks are lost when a device was away for long. */
const EARLY_MAX = 500;

// Among what was received, so that the old ones are forgotten with it.
const earlyKey = (status: ReceiptStatus, conversation: ConversationId, id: MessageId | '' | '~') =>
  `early-${status}/${conversation}/${id}`;

/** How many more may be kept. */
export async function earlyReceiptRoom(
  tx: StoreTransaction,
  conversation: ConversationId,
  status: ReceiptStatus,
): Promise<number> {
  const range = { from: earlyKey(status, conversation, ''), to: earlyKey(status, conversation, '~') };
  return EARLY_MAX - (await tx.list('received', { ...range, limit: EARLY_MAX })).length;
}

export const keepEarlyReceipt = (
  tx: StoreTransaction,
  conversation: ConversationId,
  id: MessageId,
  status: ReceiptStatus,
  nowMs: number,
): Promise<void> => tx.put('received', earlyKey(status, conversation, id), nowMs);

/** What was said of it before it came; forgotten with that. */
export async function takeEarlyReceipt(
  tx: StoreTransaction,
  conversation: ConversationId,
  id: MessageId,
): Promise<ReceiptStatus | undefined> {
  let found: ReceiptStatus | undefined;
  for (const status of ['delivered', 'read'] as const) {
    const key = earlyKey(status, conversation, id);
    if ((await tx.get('received', key)) === undefined) continue;
    found = status;
    await tx.delete('received', key);
  }
  return found;
}
