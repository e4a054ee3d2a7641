// Receipts: noted durably with the message they are for, sent in batches, sealed
// like everything else, so that the server does not learn what was read when.
// Who is not accepted gets none: they would tell a stranger when we are there.
import { type AccountId, type GroupId, isGroupId, type MessageId, ReceiptKind } from '@carillon/protocol';
import { isAccepted } from '../conversations/conversations.ts';
import { newMessageId } from '../conversations/writing.ts';
import { readGroup } from '../groups/groupRecord.ts';
import type { Account } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import { areSettingsKnown, presenceKeyFor, readSettings } from '../social/settings.ts';
import type { Ledger } from '../store/ledger.ts';
import { encodeContent } from './content.ts';
import type { ContentBody } from './contentChannel.ts';
import { enqueue } from './outbox.ts';

/** Ids in one receipt: 200 take about 5 KB. */
const IDS_PER_RECEIPT_MAX = 200;
/** In larger groups each message would cause a storm of receipts at once: they are gathered. */
export const LARGE_GROUP_MEMBERS = 32;
export const LARGE_GROUP_BATCH_MS = 10_000;
const OWED_AT_ONCE_MAX = 1_000;

/** Notes that a message came; `DeliveredReceipts` tells its sender. */
export const oweDelivered = (
  tx: StoreTransaction,
  to: AccountId,
  messageId: MessageId,
  group?: GroupId,
): Promise<void> => tx.put('outbox', `r/${group ?? '-'}/${to}/${messageId}`, messageId);

/** Notes what was read of somebody who is not accepted yet: they are told if they are. */
export const oweRead = (
  tx: StoreTransaction,
  to: AccountId,
  upToMessageId: MessageId,
  group?: GroupId,
): Promise<void> => tx.put('outbox', `e/${group ?? '-'}/${to}`, upToMessageId);

interface ReceiptParts {
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly account: () => Account;
}

export async function enqueueReceipt(
  tx: StoreTransaction,
  { platform, account }: ReceiptParts,
  to: AccountId,
  receipt: Extract<ContentBody, { case: 'receipt' }>['value'],
  groupId: GroupId | undefined,
): Promise<void> {
  const extras = { groupId, presenceKey: await presenceKeyFor(tx, to) };
  const content = encodeContent(account(), { case: 'receipt', value: receipt }, platform.now(), extras);
  await enqueue(tx, { messageId: newMessageId(platform.crypto), to, content });
}

/** Turns what is owed into outbox items. */
export class DeliveredReceipts {
  readonly #parts: ReceiptParts & { readonly ledger: Ledger; readonly onQueued: () => void };
  readonly #largeAtMs = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(parts: ReceiptParts & { readonly ledger: Ledger; readonly onQueued: () => void }) {
    this.#parts = parts;
  }

  async flush(): Promise<void> {
    await this.#parts.ledger.change((tx) => this.#flushRead(tx));
    const waitMs = await this.#parts.ledger.change(async (tx) => {
      let wait = Number.POSITIVE_INFINITY;
      for (let from = 'r/'; ; ) {
        const [first] = await tx.list<MessageId>('outbox', { from, to: 'r0', limit: 1 });
        if (!first) return wait;
        const place = first.key.split('/')[1]!;
        from = `r/${place}0`;
        const leftMs = place === '-' ? 0 : await this.#leftMs(tx, place as GroupId);
        if (leftMs > 0) wait = Math.min(wait, leftMs);
        else await this.#flushPlace(tx, place);
      }
    });
    if (waitMs === Number.POSITIVE_INFINITY || this.#timer || this.#closed) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.flush()
        .then(() => this.#parts.onQueued())
        .catch(() => {
          // Owed still; the next message or connection tries again.
        });
    }, waitMs);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #flushRead(tx: StoreTransaction): Promise<void> {
    if (!(await areSettingsKnown(tx))) return;
    const owed = await tx.list<MessageId>('outbox', { from: 'e/', to: 'e0', limit: OWED_AT_ONCE_MAX });
    for (const { key, value: upToMessageId } of owed) {
      const [, place, to] = key.split('/') as [string, string, AccountId];
      const groupId = isGroupId(place) ? place : undefined;
      if (!(await isAccepted(tx, groupId ?? to))) continue;
      if ((await readSettings(tx)).readReceipts) {
        await enqueueReceipt(tx, this.#parts, to, { kind: ReceiptKind.READ, upToMessageId }, groupId);
      }
      await tx.delete('outbox', key);
    }
  }

  /** Until a large group's receipts may go again. */
  async #leftMs(tx: StoreTransaction, groupId: GroupId): Promise<number> {
    const group = await readGroup(tx, groupId);
    if (!group || group.members.length <= LARGE_GROUP_MEMBERS) return 0;
    const now = this.#parts.platform.now();
    const last = this.#largeAtMs.get(groupId);
    // The first one waits, too: the others' are on their way just now.
    if (last === undefined) {
      this.#largeAtMs.set(groupId, now);
      return LARGE_GROUP_BATCH_MS;
    }
    const left = last + LARGE_GROUP_BATCH_MS - now;
    if (left <= 0) this.#largeAtMs.delete(groupId);
    return left;
  }

  /** Account by account: what is owed to strangers, however much, holds up nobody else. */
  async #flushPlace(tx: StoreTransaction, place: string): Promise<void> {
    const groupId = isGroupId(place) ? place : undefined;
    const until = `r/${place}0`;
    for (let from = `r/${place}/`; ; ) {
      const [first] = await tx.list<MessageId>('outbox', { from, to: until, limit: 1 });
      if (!first) return;
      const to = first.key.split('/')[2] as AccountId;
      const own = { from: `r/${place}/${to}/`, to: `r/${place}/${to}0` };
      from = own.to;
      // Kept until the person has decided about the stranger.
      if (await isAccepted(tx, groupId ?? to)) await this.#flushAccount(tx, own, to, groupId);
    }
  }

  async #flushAccount(
    tx: StoreTransaction,
    range: { readonly from: string; readonly to: string },
    to: AccountId,
    groupId: GroupId | undefined,
  ): Promise<void> {
    const rows = await tx.list<MessageId>('outbox', { ...range, limit: OWED_AT_ONCE_MAX });
    for (let from = 0; from < rows.length; from += IDS_PER_RECEIPT_MAX) {
      const messageIds = rows.slice(from, from + IDS_PER_RECEIPT_MAX).map(({ value }) => value);
      await enqueueReceipt(tx, this.#parts, to, { kind: ReceiptKind.DELIVERED, messageIds }, groupId);
    }
    for (const { key } of rows) await tx.delete('outbox', key);
  }
}
