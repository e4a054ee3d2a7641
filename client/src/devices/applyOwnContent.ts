// What another device of this account says, carried out here: in the transaction
// that also moves the ratchet on.
import {
  type AccountId,
  type Address,
  accountIdSchema,
  type Content,
  type ConversationId,
  callIdSchema,
  groupIdSchema,
  isGroupId,
  type MessageId,
  messageIdSchema,
  type SentCopy,
} from '@carillon/protocol';
import { cleanName } from '../account/registration.ts';
import { readContact } from '../contacts/contactRecord.ts';
import { sameBytes } from '../contacts/deviceLists.ts';
import { advanceStatus, findMessage, noteAccepted } from '../conversations/history.ts';
import { addOutgoing, recordCall } from '../conversations/writing.ts';
import { takeInvite, takeNotice } from '../groups/groupInbox.ts';
import { notePending } from '../history/history.ts';
import { applyLinksCopy } from '../links/linkRecords.ts';
import { keepMediaKey, mediaInfo, parseMedia } from '../media/mediaMessage.ts';
import { outcomeOf } from '../messaging/applyContent.ts';
import type { MessageBody } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { applySettingsCopy } from '../social/settingsCopy.ts';
import type { Changes } from '../store/ledger.ts';
import { takeEarlyReceipt } from './earlyReceipts.ts';
import { nameKey } from './ownAccount.ts';
import { innerContent } from './ownCopies.ts';
import { applyReadMark } from './readMarks.ts';

export interface OwnArrival {
  readonly from: Address;
  readonly messageId: MessageId;
  readonly content: Content;
  readonly acceptedAtMs: number;
}

/** Returns the account that has to be looked up before; then nothing was done. */
export async function applyOwnContent(
  tx: StoreTransaction,
  changes: Changes,
  arrival: OwnArrival,
): Promise<AccountId | undefined> {
  const { body } = arrival.content;
  switch (body.case) {
    case 'sentCopy':
      return applySentCopy(tx, changes, arrival, body.value);
    case 'readMark': {
      const conversation = conversationOf(body.value.conversationId);
      const upTo = messageIdSchema.safeParse(body.value.upToMessageId);
      if (conversation && upTo.success) await applyReadMark(tx, changes, conversation, upTo.data);
      return undefined;
    }
    case 'deviceHello':
      await tx.put('account', nameKey(arrival.from.deviceId), cleanName(body.value.name));
      return undefined;
    case 'settingsCopy':
      await applySettingsCopy(tx, changes, body.value);
      return undefined;
    case 'callLinksCopy':
      await applyLinksCopy(tx, body.value.links);
      return undefined;
    case 'groupInvite':
      await takeInvite(tx, arrival.from, body.value);
      return undefined;
    case 'groupNotice':
      await takeNotice(tx, arrival.content.groupId);
      return undefined;
    case 'historyTransfer': {
      const own = await readContact(tx, arrival.from.accountId);
      const identity = own?.identities[arrival.from.deviceId];
      if (identity && sameBytes(own?.trusted[0], identity)) await notePending(tx, body.value);
      return undefined;
    }
    // Told to who listens, after the commit; and what a newer app sends.
    default:
      return undefined;
  }
}

function conversationOf(id: string): ConversationId | undefined {
  return isGroupId(id) ? groupIdSchema.safeParse(id).data : accountIdSchema.safeParse(id).data;
}

async function applySentCopy(
  tx: StoreTransaction,
  changes: Changes,
  { content: outer, acceptedAtMs }: OwnArrival,
  copy: SentCopy,
): Promise<AccountId | undefined> {
  const content = readInner(copy.content);
  const messageId = messageIdSchema.safeParse(copy.messageId);
  const conversation = content && conversationOf(copy.accountId || content.groupId);
  if (!content || !messageId.success || !conversation) return undefined;
  if (!isGroupId(conversation) && !(await readContact(tx, conversation))) return conversation;
  const id = messageId.data;
  const { body } = content;
  switch (body.case) {
    case 'text': {
      const { text } = body.value;
      await addSent(tx, changes, { id, conversation, body: { type: 'text', text } }, acceptedAtMs);
      return undefined;
    }
    case 'media': {
      const media = parseMedia(body.value);
      if (!media) return undefined;
      const added = await addSent(
        tx,
        changes,
        { id, conversation, body: { type: 'media', media: mediaInfo(media) } },
        acceptedAtMs,
      );
      if (added) await keepMediaKey(tx, id, media);
      return undefined;
    }
    case 'callLog': {
      const callId = callIdSchema.safeParse(body.value.callId);
      const outcome = outcomeOf(body.value.outcome);
      if (!callId.success || !outcome || isGroupId(conversation)) return undefined;
      await recordCall(tx, changes, {
        with: conversation,
        callId: callId.data,
        outgoing: content.senderHandle === outer.senderHandle,
        outcome,
        video: body.value.video,
        startedAtMs: Math.min(Number(body.value.startedAtMs) || acceptedAtMs, acceptedAtMs),
        durationMs: body.value.durationMs,
        byLink: body.value.byLink,
      });
      return undefined;
    }
    default:
      return undefined;
  }
}

/** Once, with what its recipients have said of it already. */
async function addSent(
  tx: StoreTransaction,
  changes: Changes,
  sent: { readonly id: MessageId; readonly conversation: ConversationId; readonly body: MessageBody },
  acceptedAtMs: number,
): Promise<boolean> {
  if (await findMessage(tx, sent.id)) return false;
  await addOutgoing(tx, changes, sent, acceptedAtMs);
  await noteAccepted(tx, sent, acceptedAtMs);
  const early = await takeEarlyReceipt(tx, sent.conversation, sent.id);
  await advanceStatus(tx, changes, sent.id, early ?? 'sent');
  return true;
}

function readInner(bytes: Uint8Array): Content | undefined {
  try {
    return innerContent(bytes);
  } catch {
    return undefined;
  }
}
