// What a received content does, in the transaction that also moves the ratchet on.
// What calls, typing and the like need is told to them afterwards.
import {
  type Address,
  CallOutcome,
  type Content,
  callIdSchema,
  type GroupId,
  groupIdSchema,
  type MessageId,
} from '@carillon/protocol';
import { type ContactRecord, contactView } from '../contacts/contactRecord.ts';
import { readConversationRecord, touchConversation } from '../conversations/conversations.ts';
import { addIncoming, addNotice, recordCall } from '../conversations/writing.ts';
import {
  type GroupInboxParts,
  isMember,
  takeInvite,
  takeNotice,
  takeRequest,
  takeSenderKey,
} from '../groups/groupInbox.ts';
import { readGroup } from '../groups/groupRecord.ts';
import { keepMediaKey, mediaInfo, parseMedia } from '../media/mediaMessage.ts';
import type { MessageBody, CallOutcome as Outcome } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { isBlocked } from '../social/blocks.ts';
import { keepTheirPresenceKey } from '../social/settings.ts';
import type { Changes } from '../store/ledger.ts';
import { applyReceipt } from './applyReceipt.ts';
import { oweDelivered } from './receipts.ts';

/** Longer texts are cut: an envelope of an honest sender cannot hold more. */
const TEXT_CHARACTERS_MAX = 64 * 1024;

export interface Arrival {
  readonly from: Address;
  readonly contact: ContactRecord;
  readonly messageId: MessageId;
  readonly content: Content;
  readonly acceptedAtMs: number;
  /** Said to a whole group, whose member the sender is; undefined: to this device alone. */
  readonly group?: GroupId | undefined;
  /** The identity it came from is one that the person trusts. */
  readonly trusted: boolean;
}

/** False: nobody is to hear of it. */
export async function applyContent(
  tx: StoreTransaction,
  changes: Changes,
  groups: GroupInboxParts,
  arrival: Arrival,
): Promise<boolean> {
  const { content, contact, group, trusted } = arrival;
  if (await isBlocked(tx, contact.accountId)) return false;
  if (trusted && group === undefined && content.presenceKey.length > 0) {
    await keepTheirPresenceKey(tx, contact.accountId, content.presenceKey);
  }
  if (group !== undefined) return applyInGroup(tx, changes, arrival, group);
  const { body } = content;
  switch (body.case) {
    case 'text':
    case 'media':
      // What is said in a group goes to all its members alike: nobody is shown something of their own.
      if (content.groupId === '') await applyMessage(tx, changes, arrival, undefined);
      return true;
    case 'senderKey':
      if (trusted) await takeSenderKey(tx, changes, groups, arrival.from, body.value);
      return true;
    case 'groupInvite':
      if (trusted) await takeInvite(tx, arrival.from, body.value);
      return true;
    case 'groupRequest':
      if (trusted) await takeRequest(tx, arrival.from, body.value.groupId, groups.now());
      return true;
    case 'groupNotice':
      await takeNotice(tx, content.groupId);
      return true;
    case 'receipt':
      await applyReceiptOf(tx, changes, arrival, body.value);
      return true;
    default:
      await applyToPerson(tx, changes, arrival);
      return true;
  }
}

async function applyInGroup(
  tx: StoreTransaction,
  changes: Changes,
  arrival: Arrival,
  group: GroupId,
): Promise<boolean> {
  switch (arrival.content.body.case) {
    case 'text':
    case 'media':
      await applyMessage(tx, changes, arrival, group);
      return true;
    case 'groupNotice':
      await takeNotice(tx, group);
      return true;
    // Shown while the group is open.
    case 'typing':
      return true;
    default:
      return false;
  }
}

async function applyMessage(
  tx: StoreTransaction,
  changes: Changes,
  { content: { body }, contact, messageId: id, acceptedAtMs }: Arrival,
  group: GroupId | undefined,
): Promise<void> {
  const conversation = group ?? contact.accountId;
  const author = group && { author: contactView(contact) };
  const add = (shown: MessageBody) =>
    addIncoming(tx, changes, { id, conversation, body: shown, acceptedAtMs, ...author });
  if (body.case === 'text') {
    await add({ type: 'text', text: body.value.text.slice(0, TEXT_CHARACTERS_MAX) });
  } else if (body.case === 'media') {
    const media = parseMedia(body.value);
    if (!media) {
      const words = `${contact.name} sent something that this app cannot show.`;
      await addNotice(tx, changes, { id, conversation, words, atMs: acceptedAtMs });
      return;
    }
    if (await add({ type: 'media', media: mediaInfo(media) })) await keepMediaKey(tx, id, media);
  }
  await oweDelivered(tx, contact.accountId, id, group);
}

async function applyReceiptOf(
  tx: StoreTransaction,
  changes: Changes,
  { content, contact, acceptedAtMs }: Arrival,
  receipt: Extract<Content['body'], { case: 'receipt' }>['value'],
): Promise<void> {
  const from = contact.accountId;
  if (content.groupId === '') {
    // It begins no conversation: a stranger's would stand there empty.
    if (await readConversationRecord(tx, from)) await touchConversation(tx, from, 0, { heard: true });
    await applyReceipt(tx, changes, { conversation: from, from, receipt, acceptedAtMs });
    return;
  }
  const groupId = groupIdSchema.safeParse(content.groupId);
  const group = groupId.success ? await readGroup(tx, groupId.data) : undefined;
  if (!group || !isMember(group, from)) return;
  await applyReceipt(tx, changes, { conversation: group.groupId, from, receipt, acceptedAtMs });
}

async function applyToPerson(tx: StoreTransaction, changes: Changes, arrival: Arrival): Promise<void> {
  const { content, contact, messageId: id, acceptedAtMs } = arrival;
  const { body } = content;
  const conversation = contact.accountId;
  switch (body.case) {
    case 'callLog': {
      const callId = callIdSchema.safeParse(body.value.callId);
      const outcome = outcomeOf(body.value.outcome);
      if (!callId.success || !outcome || (body.value.byLink && outcome === 'missed')) return;
      await recordCall(tx, changes, {
        with: conversation,
        callId: callId.data,
        outgoing: false,
        outcome,
        video: body.value.video,
        startedAtMs: Math.min(Number(body.value.startedAtMs) || acceptedAtMs, acceptedAtMs),
        durationMs: body.value.durationMs,
        byLink: body.value.byLink,
        claimed: true,
      });
      return;
    }
    case 'sessionReset': {
      const words = `A message to ${contact.name} could not be opened there. If something is missing, send it again.`;
      await addNotice(tx, changes, { id, conversation, words, atMs: acceptedAtMs });
      return;
    }
    // For calls; and what a newer app sends.
    default:
      return;
  }
}

export function outcomeOf(outcome: CallOutcome): Outcome | undefined {
  switch (outcome) {
    case CallOutcome.MISSED:
      return 'missed';
    case CallOutcome.COMPLETED:
      return 'completed';
    case CallOutcome.DECLINED:
      return 'declined';
    default:
      return undefined;
  }
}
