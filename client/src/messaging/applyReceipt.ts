// What a receipt says of our own messages. One for reading covers everything that
// the server took before it; in a group each member has a mark up to which it has
// got and read, and a message counts those whose mark has passed it [MSG-20].
import {
  type AccountId,
  type ConversationId,
  isGroupId,
  messageIdSchema,
  type Receipt,
  ReceiptKind,
} from '@carillon/protocol';
import {
  acceptedAt,
  acceptedBetween,
  advanceStatus,
  findMessage,
  noteAccepted,
  updateMessage,
} from '../conversations/history.ts';
import { earlyReceiptRoom, keepEarlyReceipt } from '../devices/earlyReceipts.ts';
import type { GroupReceipts, Message } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { readSettings } from '../social/settings.ts';
import type { Changes } from '../store/ledger.ts';

/** Receipts beyond it are from no honest sender. */
const RECEIPT_IDS_MAX = 1_000;
/** Messages of ours that one receipt moves on; older ones keep their ticks. */
const COVERED_MAX = 500;

interface Mark {
  readonly deliveredMs: number;
  readonly readMs: number;
}

const markKey = (conversation: ConversationId, account: AccountId) => `k/${conversation}/${account}`;

const readMark = async (tx: StoreTransaction, conversation: ConversationId, account: AccountId): Promise<Mark> =>
  (await tx.get<Mark>('messages', markKey(conversation, account))) ?? { deliveredMs: 0, readMs: 0 };

/** Whoever joins later has got nothing of what was said before, and no receipt of theirs counts for it. */
export const beginMark = (
  tx: StoreTransaction,
  conversation: ConversationId,
  account: AccountId,
  nowMs: number,
): Promise<void> => tx.put('messages', markKey(conversation, account), { deliveredMs: nowMs, readMs: nowMs });

export interface ReceiptArrival {
  readonly conversation: ConversationId;
  readonly from: AccountId;
  readonly receipt: Receipt;
  readonly acceptedAtMs: number;
}

export async function applyReceipt(tx: StoreTransaction, changes: Changes, arrival: ReceiptArrival): Promise<void> {
  const { conversation, receipt, acceptedAtMs } = arrival;
  const { readReceipts } = await readSettings(tx);
  // Who shows theirs to nobody is shown nobody's: what was read was delivered, at least.
  const status = receipt.kind === ReceiptKind.READ && readReceipts ? 'read' : 'delivered';
  const ids = receipt.messageIds.slice(0, RECEIPT_IDS_MAX);
  const upTo = messageIdSchema.safeParse(receipt.upToMessageId);
  let coveredMs = 0;
  let room: number | undefined;
  for (const text of upTo.success ? [...ids, upTo.data] : ids) {
    const id = messageIdSchema.safeParse(text);
    if (!id.success) continue;
    const message = await findMessage(tx, id.data);
    if (!message && !isGroupId(conversation)) {
      room ??= await earlyReceiptRoom(tx, conversation, status);
      if (room-- > 0) await keepEarlyReceipt(tx, conversation, id.data, status, acceptedAtMs);
    }
    if (!message?.outgoing || message.conversation !== conversation) continue;
    // It has reached them, whatever became of the server's answer.
    await noteAccepted(tx, message, acceptedAtMs);
    const isCovering = isGroupId(conversation) || id.data === upTo.data;
    if (isCovering) coveredMs = Math.max(coveredMs, (await acceptedAt(tx, id.data)) ?? 0);
    if (!isGroupId(conversation)) await advanceStatus(tx, changes, id.data, status);
  }
  if (coveredMs > 0) await coverUpTo(tx, changes, arrival, status, coveredMs);
}

async function coverUpTo(
  tx: StoreTransaction,
  changes: Changes,
  { conversation, from }: ReceiptArrival,
  status: 'delivered' | 'read',
  upToMs: number,
): Promise<void> {
  const mark = await readMark(tx, conversation, from);
  const isNew = (message: Message, ms: number, acceptedMs: number) => acceptedMs > ms && message.status !== 'failed';
  const next: Mark = {
    deliveredMs: Math.max(mark.deliveredMs, upToMs),
    readMs: status === 'read' ? Math.max(mark.readMs, upToMs) : mark.readMs,
  };
  await tx.put('messages', markKey(conversation, from), next);
  const afterMs = status === 'read' ? mark.readMs : mark.deliveredMs;
  for (const message of await acceptedBetween(tx, conversation, afterMs, upToMs, COVERED_MAX)) {
    if (!message.receipts) {
      await advanceStatus(tx, changes, message.id, status);
      continue;
    }
    const acceptedMs = (await acceptedAt(tx, message.id)) ?? 0;
    const delivered = isNew(message, mark.deliveredMs, acceptedMs) ? 1 : 0;
    const read = status === 'read' && isNew(message, mark.readMs, acceptedMs) ? 1 : 0;
    await updateMessage(tx, changes, counted(message, message.receipts, delivered, read));
  }
}

function counted(message: Message, before: GroupReceipts, delivered: number, read: number): Message {
  const { of } = before;
  const receipts = {
    of,
    delivered: Math.min(of, before.delivered + delivered),
    read: Math.min(of, before.read + read),
  };
  const isRead = of > 0 && receipts.read >= of;
  const status = isRead ? 'read' : receipts.delivered >= of && of > 0 ? 'delivered' : 'sent';
  return { ...message, receipts, status: message.status === 'read' ? 'read' : status, failure: undefined };
}
