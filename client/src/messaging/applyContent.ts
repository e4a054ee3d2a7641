// What a received content does to the conversation, in the transaction that
// also moves the ratchet on. What calls need is told to them afterwards.
import {
  type Address,
  CallOutcome,
  type Content,
  callIdSchema,
  type MessageId,
  messageIdSchema,
  ReceiptKind,
} from '@carillon/protocol';
import type { ContactRecord } from '../contacts/contactRecord.ts';
import { advanceStatus } from '../conversations/history.ts';
import { addIncoming, addNotice, recordCall } from '../conversations/writing.ts';
import { keepMediaKey, mediaInfo, parseMedia } from '../media/mediaMessage.ts';
import type { CallOutcome as Outcome } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import type { Changes } from '../store/ledger.ts';
import { oweDelivered } from './receipts.ts';

/** Longer texts are cut: an envelope of an honest sender cannot hold more. */
const TEXT_CHARACTERS_MAX = 64 * 1024;
/** Receipts beyond it are from no honest sender. */
const RECEIPT_IDS_MAX = 1_000;

export interface Arrival {
  readonly from: Address;
  readonly contact: ContactRecord;
  readonly messageId: MessageId;
  readonly content: Content;
  readonly acceptedAtMs: number;
}

export async function applyContent(tx: StoreTransaction, changes: Changes, arrival: Arrival): Promise<void> {
  const { content, contact, messageId: id, acceptedAtMs } = arrival;
  const { body } = content;
  const conversation = contact.accountId;
  switch (body.case) {
    case 'text': {
      const text = body.value.text.slice(0, TEXT_CHARACTERS_MAX);
      await addIncoming(tx, changes, { id, conversation, body: { type: 'text', text }, acceptedAtMs });
      await oweDelivered(tx, conversation, id);
      return;
    }
    case 'media': {
      const media = parseMedia(body.value);
      if (!media) {
        const words = `${contact.name} sent something that this app cannot show.`;
        await addNotice(tx, changes, { id, conversation, words, atMs: acceptedAtMs });
        return;
      }
      const added = await addIncoming(tx, changes, {
        id,
        conversation,
        body: { type: 'media', media: mediaInfo(media) },
        acceptedAtMs,
      });
      if (added) await keepMediaKey(tx, id, media);
      await oweDelivered(tx, conversation, id);
      return;
    }
    case 'receipt': {
      const status = body.value.kind === ReceiptKind.READ ? 'read' : 'delivered';
      for (const text of body.value.messageIds.slice(0, RECEIPT_IDS_MAX)) {
        const messageId = messageIdSchema.safeParse(text);
        if (messageId.success) await advanceStatus(tx, changes, messageId.data, status, conversation);
      }
      return;
    }
    case 'callLog': {
      const callId = callIdSchema.safeParse(body.value.callId);
      const outcome = outcomeOf(body.value.outcome);
      if (!callId.success || !outcome) return;
      await recordCall(tx, changes, {
        with: conversation,
        callId: callId.data,
        outgoing: false,
        outcome,
        video: body.value.video,
        startedAtMs: Math.min(Number(body.value.startedAtMs) || acceptedAtMs, acceptedAtMs),
        durationMs: body.value.durationMs,
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
