// Receipts: noted durably with the message they are for, sent in batches, sealed
// like everything else, so that the server does not learn what was read when.
import { type AccountId, type MessageId, ReceiptKind } from '@carillon/protocol';
import { newMessageId } from '../conversations/writing.ts';
import type { Account } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { encodeContent } from './content.ts';
import { enqueue } from './outbox.ts';

/** Ids in one receipt: 200 take about 5 KB. */
const IDS_PER_RECEIPT_MAX = 200;

/** Notes that a message came; `flushDelivered` tells its sender. */
export const oweDelivered = (tx: StoreTransaction, to: AccountId, messageId: MessageId): Promise<void> =>
  tx.put('outbox', `r/${to}/${messageId}`, messageId);

/** Turns what is owed into outbox items; returns whom to. */
export function flushDelivered(
  ledger: Ledger,
  platform: Pick<Platform, 'crypto' | 'now'>,
  account: Account,
): Promise<AccountId[]> {
  return ledger.change(async (tx) => {
    const owed = await tx.list<MessageId>('outbox', { from: 'r/', to: 'r0', limit: IDS_PER_RECEIPT_MAX * 5 });
    const byAccount = Map.groupBy(owed, ({ key }) => key.split('/')[1] as AccountId);
    for (const [to, rows] of byAccount) {
      await enqueueReceipts(
        tx,
        platform,
        account,
        to,
        ReceiptKind.DELIVERED,
        rows.map(({ value }) => value),
      );
      for (const { key } of rows) await tx.delete('outbox', key);
    }
    return [...byAccount.keys()];
  });
}

export async function enqueueReceipts(
  tx: StoreTransaction,
  platform: Pick<Platform, 'crypto' | 'now'>,
  account: Account,
  to: AccountId,
  kind: ReceiptKind,
  messageIds: readonly MessageId[],
): Promise<void> {
  for (let from = 0; from < messageIds.length; from += IDS_PER_RECEIPT_MAX) {
    const batch = messageIds.slice(from, from + IDS_PER_RECEIPT_MAX);
    const body = { case: 'receipt', value: { kind, messageIds: batch } } as const;
    await enqueue(tx, {
      messageId: newMessageId(platform.crypto),
      to,
      content: encodeContent(account, body, platform.now()),
    });
  }
}
