// What the person writes, kept with its place in the outbox before anything is sent.
import { type ConversationId, isGroupId, type MessageId, ProtocolError } from '@carillon/protocol';
import type { Directory } from '../contacts/directory.ts';
import { readGroup } from '../groups/groupRecord.ts';
import { retryUpload } from '../media/uploads.ts';
import { encodeContent } from '../messaging/content.ts';
import { extrasFor } from '../messaging/contentExtras.ts';
import { enqueue } from '../messaging/outbox.ts';
import type { Account, Message } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import { isBlocked } from '../social/blocks.ts';
import type { Ledger } from '../store/ledger.ts';
import { findMessage, updateMessage } from './history.ts';
import { addOutgoing, newMessageId } from './writing.ts';

const TEXT_CHARACTERS_MAX = 16_384;

export interface SendingParts {
  readonly ledger: Ledger;
  readonly platform: Platform;
  readonly directory: Directory;
  readonly account: () => Account;
}

/** @throws ProtocolError when there is nobody to send to */
export async function checkRecipient({ ledger, directory }: SendingParts, to: ConversationId): Promise<void> {
  if (isGroupId(to)) {
    const group = await ledger.read((tx) => readGroup(tx, to));
    if (!group) throw new ProtocolError('group-unknown');
    if (!group.joined) throw new ProtocolError('group-unknown', { words: 'You are not in this group any more.' });
    return;
  }
  await directory.byId(to);
  if (await ledger.read((tx) => isBlocked(tx, to))) {
    throw new ProtocolError('forbidden', { words: 'You have blocked this person. Unblock them to write.' });
  }
}

export async function sendText(parts: SendingParts, to: ConversationId, text: string): Promise<Message> {
  const { ledger, platform } = parts;
  if (text.length > TEXT_CHARACTERS_MAX) {
    throw new ProtocolError('frame-too-large', { words: 'The message is too long to be sent.' });
  }
  await checkRecipient(parts, to);
  const id = newMessageId(platform.crypto);
  return ledger.change(async (tx, changes) => {
    const added = await addOutgoing(
      tx,
      changes,
      { id, conversation: to, body: { type: 'text', text } },
      platform.now(),
    );
    await enqueueText(tx, parts, id, to, text);
    return added;
  });
}

/** Puts a failed message back in line; undefined when it is none. */
export function retryMessage(parts: SendingParts, id: MessageId): Promise<Message | undefined> {
  return parts.ledger.change(async (tx, changes) => {
    const message = await findMessage(tx, id);
    if (message?.status !== 'failed') return undefined;
    const { body, conversation } = message;
    if (body.type === 'text') await enqueueText(tx, parts, id, conversation, body.text);
    else if (!(await retryUpload(tx, id))) {
      throw new ProtocolError('not-found', { words: 'The file is no longer on this device; choose it again.' });
    }
    await updateMessage(tx, changes, { ...message, status: 'sending', failure: undefined });
    return message;
  });
}

async function enqueueText(
  tx: StoreTransaction,
  { account, platform }: SendingParts,
  messageId: MessageId,
  to: ConversationId,
  text: string,
): Promise<void> {
  const extras = await extrasFor(tx, to);
  const content = encodeContent(account(), { case: 'text', value: { text } }, platform.now(), extras);
  await enqueue(tx, { messageId, to, content, copy: true });
}
