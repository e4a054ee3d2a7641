// Messages as the store holds them: by conversation and time, and by id.
import type { ConversationId, MessageId } from '@carillon/protocol';
import type { Message, MessageStatus } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';

/** Of one listing. More makes a slow first screen. */
const LIST_MAX = 500;

const timeText = (ms: number) => String(Math.max(0, Math.trunc(ms))).padStart(15, '0');
const rowKey = (conversation: string, atMs: number, id: string) => `m/${conversation}/${timeText(atMs)}/${id}`;
const idKey = (id: string) => `i/${id}`;

/** An own message's status only moves along this line; a late receipt never takes it back. */
const ORDER: readonly MessageStatus[] = ['failed', 'sending', 'sent', 'delivered', 'read'];

/** Its time moves on by milliseconds until it is the only one of its conversation, so that pages by time lose nothing. */
export async function addMessage(tx: StoreTransaction, changes: Changes, message: Message): Promise<Message> {
  let { sentAtMs } = message;
  const taken = async (atMs: number) => {
    const from = rowKey(message.conversation, atMs, '');
    return (await tx.list('messages', { from, to: `${from}~`, limit: 1 })).length > 0;
  };
  while (await taken(sentAtMs)) sentAtMs++;
  const placed = { ...message, sentAtMs };
  const key = rowKey(placed.conversation, sentAtMs, placed.id);
  await tx.put('messages', key, placed);
  await tx.put('messages', idKey(placed.id), key);
  changes.message(placed);
  return placed;
}

export async function findMessage(tx: StoreTransaction, id: MessageId): Promise<Message | undefined> {
  const key = await tx.get<string>('messages', idKey(id));
  return key === undefined ? undefined : tx.get<Message>('messages', key);
}

/** Replaces a message; its conversation, time and id stay. */
export async function updateMessage(tx: StoreTransaction, changes: Changes, message: Message): Promise<void> {
  await tx.put('messages', rowKey(message.conversation, message.sentAtMs, message.id), message);
  changes.message(message);
}

const acceptedKey = (id: string) => `a/${id}`;
const sentKey = (conversation: string, atMs: number, id: string) => `s/${conversation}/${timeText(atMs)}/${id}`;

/** When the server took a message of ours: what receipts that cover several go by, and what the others order by. */
export const acceptedAt = (tx: StoreTransaction, id: MessageId): Promise<number | undefined> =>
  tx.get<number>('messages', acceptedKey(id));

export async function noteAccepted(
  tx: StoreTransaction,
  { id, conversation }: Pick<Message, 'id' | 'conversation'>,
  acceptedAtMs: number,
): Promise<void> {
  if ((await acceptedAt(tx, id)) !== undefined) return;
  await tx.put('messages', acceptedKey(id), acceptedAtMs);
  await tx.put('messages', sentKey(conversation, acceptedAtMs, id), id);
}

/** Our own that the server took after the one time, and not after the other; at most `limit`, the last ones. */
export async function acceptedBetween(
  tx: StoreTransaction,
  conversation: ConversationId,
  afterMs: number,
  upToMs: number,
  limit: number,
): Promise<Message[]> {
  const range = { from: sentKey(conversation, afterMs + 1, ''), to: sentKey(conversation, upToMs + 1, '') };
  const rows = await tx.list<MessageId>('messages', { ...range, limit, reverse: true });
  const messages: Message[] = [];
  for (const { value } of rows) {
    const message = await findMessage(tx, value);
    if (message?.outgoing) messages.push(message);
  }
  return messages;
}

/** Forward only; says whether it moved. */
export async function advanceStatus(
  tx: StoreTransaction,
  changes: Changes,
  id: MessageId,
  status: MessageStatus,
  conversation?: ConversationId,
): Promise<boolean> {
  const message = await findMessage(tx, id);
  if (!message?.outgoing || (conversation !== undefined && message.conversation !== conversation)) return false;
  if (ORDER.indexOf(status) <= ORDER.indexOf(message.status)) return false;
  await updateMessage(tx, changes, { ...message, status, failure: undefined });
  return true;
}

export async function failMessage(tx: StoreTransaction, changes: Changes, id: MessageId, words: string): Promise<void> {
  const message = await findMessage(tx, id);
  if (message?.status === 'sending') await updateMessage(tx, changes, { ...message, status: 'failed', failure: words });
}

/** Oldest first, the last `limit` before `beforeMs`. */
export async function listMessages(
  tx: StoreTransaction,
  conversation: ConversationId,
  options: { beforeMs?: number; limit?: number } = {},
): Promise<Message[]> {
  const rows = await tx.list<Message>('messages', {
    from: `m/${conversation}/`,
    to: options.beforeMs === undefined ? `m/${conversation}0` : `m/${conversation}/${timeText(options.beforeMs)}`,
    limit: Math.min(options.limit ?? 50, LIST_MAX),
    reverse: true,
  });
  return rows.map(({ value }) => value).reverse();
}

export async function lastMessage(tx: StoreTransaction, conversation: string): Promise<Message | undefined> {
  const [row] = await tx.list<Message>('messages', {
    from: `m/${conversation}/`,
    to: `m/${conversation}0`,
    limit: 1,
    reverse: true,
  });
  return row?.value;
}

/** Deletes the last ones, and returns them. */
export async function takeMessages(
  tx: StoreTransaction,
  conversation: ConversationId,
  limit: number,
): Promise<Message[]> {
  const messages = await listMessages(tx, conversation, { limit });
  for (const { id, sentAtMs } of messages) {
    const atMs = await acceptedAt(tx, id);
    if (atMs !== undefined) await tx.delete('messages', sentKey(conversation, atMs, id));
    await tx.delete('messages', acceptedKey(id));
    await tx.delete('messages', idKey(id));
    await tx.delete('messages', rowKey(conversation, sentAtMs, id));
  }
  return messages;
}
