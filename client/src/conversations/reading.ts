// The person has seen a conversation: told to each of its authors by the last
// message of theirs, and to our other devices.
import { type AccountId, type ConversationId, isGroupId, type MessageId, ReceiptKind } from '@carillon/protocol';
import { tellOwnDevices } from '../devices/ownCopies.ts';
import { enqueueReceipt, oweRead } from '../messaging/receipts.ts';
import type { Account, Message } from '../model.ts';
import type { Platform } from '../ports.ts';
import { areSettingsKnown, readSettings } from '../social/settings.ts';
import type { Ledger } from '../store/ledger.ts';
import { isAccepted, readConversationRecord, setUnread } from './conversations.ts';
import { listMessages, updateMessage } from './history.ts';

const PAGE = 100;
/** Messages looked through for unread ones, at most. */
const READ_AT_ONCE_MAX = 1_000;

interface ReadingParts {
  readonly ledger: Ledger;
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly account: () => Account;
}

/** Returns the lanes of the outbox that have something to send. */
export function markRead(parts: ReadingParts, conversation: ConversationId): Promise<ConversationId[]> {
  const { ledger, platform, account } = parts;
  return ledger.change(async (tx, changes) => {
    const record = await readConversationRecord(tx, conversation);
    if (!record || record.unread === 0) return [];
    const read: Message[] = [];
    let beforeMs: number | undefined;
    for (let seen = 0; read.length < record.unread && seen < READ_AT_ONCE_MAX; seen += PAGE) {
      const page = await listMessages(tx, conversation, {
        limit: PAGE,
        ...(beforeMs === undefined ? {} : { beforeMs }),
      });
      const unread = page.filter(({ status }) => status === 'unread');
      for (const message of unread) await updateMessage(tx, changes, { ...message, status: 'read' });
      read.unshift(...unread);
      if (page.length < PAGE) break;
      beforeMs = page[0]!.sentAtMs;
    }
    await setUnread(tx, record, 0);
    changes.conversation(conversation);
    const lanes: ConversationId[] = [];
    const groupId = isGroupId(conversation) ? conversation : undefined;
    const mayTell = (await isAccepted(tx, conversation)) && (await areSettingsKnown(tx));
    const tells = (await readSettings(tx)).readReceipts;
    for (const [author, upToMessageId] of tells ? lastByAuthor(read) : []) {
      const to = author ?? (conversation as AccountId);
      if (!mayTell) {
        await oweRead(tx, to, upToMessageId, groupId);
        continue;
      }
      await enqueueReceipt(tx, parts, to, { kind: ReceiptKind.READ, upToMessageId }, groupId);
      lanes.push(to);
    }
    // One of theirs: our own last one may not be on the other devices yet.
    const upToMessageId = read.at(-1)?.id;
    if (upToMessageId === undefined) return lanes;
    const value = { conversationId: conversation, upToMessageId, readAtMs: BigInt(Math.trunc(platform.now())) };
    if (await tellOwnDevices(tx, parts, { case: 'readMark', value })) lanes.push(account().accountId);
    return lanes;
  });
}

/** The last of each other person; undefined: of the only other one. */
function lastByAuthor(messages: readonly Message[]): Map<AccountId | undefined, MessageId> {
  const last = new Map<AccountId | undefined, MessageId>();
  for (const { id, body, author } of messages) {
    // The caller knows whether we answered: a call entry gets no receipt.
    if (body.type === 'text' || body.type === 'media') last.set(author?.accountId, id);
  }
  return last;
}
