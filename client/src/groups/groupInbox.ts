// What comes to a group, in the transaction that also moves the chain on: opened
// when its sender is a member whose key we have, kept until then [GROUP-24].
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { type CryptoProvider, E2eeError } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  type Content,
  type GroupId,
  type GroupInvite,
  GroupInviteSchema,
  groupIdSchema,
  type MessageId,
  type SenderKeyDistribution,
} from '@carillon/protocol';
import { type ContactRecord, readContact } from '../contacts/contactRecord.ts';
import { addNotice, newMessageId } from '../conversations/writing.ts';
import { decodeContent, encodeContent } from '../messaging/content.ts';
import { enqueue } from '../messaging/outbox.ts';
import type { Account } from '../model.ts';
import type { StoreTransaction } from '../ports.ts';
import { isBlocked } from '../social/blocks.ts';
import type { Changes } from '../store/ledger.ts';
import {
  type Asked,
  addChore,
  claimAnswer,
  claimAsk,
  claimKey,
  keepWaiting,
  takeAsked,
  takeWaiting,
  type Waiting,
} from './groupQueue.ts';
import { type GroupRecord, readGroup } from './groupRecord.ts';
import { keepSenderKey, openGroupMessage } from './senderChains.ts';

export interface GroupArrival {
  readonly groupId: GroupId;
  readonly from: Address;
  readonly contact: ContactRecord;
  readonly messageId: MessageId;
  readonly content: Content;
  readonly acceptedAtMs: number;
}

export interface GroupInboxParts {
  readonly crypto: CryptoProvider;
  readonly account: () => Account;
  readonly now: () => number;
  /** What a content said in a group does. */
  readonly apply: (tx: StoreTransaction, changes: Changes, arrival: GroupArrival) => Promise<void>;
}

interface Opening {
  readonly ephemeral?: boolean;
  /** The roster has just been looked at. */
  readonly isLast?: boolean;
  /** Its sender has been asked for the key, and has answered. */
  readonly isAnswered?: boolean;
}

/** A Sender Key message. Returns what was opened. */
export async function openGroupDelivery(
  tx: StoreTransaction,
  changes: Changes,
  parts: GroupInboxParts,
  waiting: Waiting,
  options: Opening = {},
): Promise<Content | undefined> {
  const { groupId, from } = waiting;
  // What our other devices say in a group they tell us themselves.
  if (from.accountId === parts.account().accountId || (await isBlocked(tx, from.accountId))) return undefined;
  const group = await readGroup(tx, groupId);
  if (group && !group.joined) return undefined;
  if (!group || !isMember(group, from.accountId)) {
    if (options.ephemeral) return undefined;
    if (group && options.isLast) {
      await say(tx, changes, parts, groupId, 'The server passed on a message from somebody who is not in this group.');
      return undefined;
    }
    await keepWaiting(tx, waiting);
    if (group) await addChore(tx, { type: 'sync', groupId });
    // A stranger, too, although it tells them that we are there: who signed up again has accepted nobody, and is in groups.
    else if (!options.isAnswered) await ask(tx, parts, groupId, from);
    return undefined;
  }
  return openMembers(tx, changes, parts, waiting, options);
}

async function openMembers(
  tx: StoreTransaction,
  changes: Changes,
  parts: GroupInboxParts,
  waiting: Waiting,
  { ephemeral, isAnswered }: Opening,
): Promise<Content | undefined> {
  const { groupId, from, messageId, acceptedAtMs } = waiting;
  const contact = await readContact(tx, from.accountId);
  if (!contact) return undefined;
  let content: Content;
  try {
    const padded = await openGroupMessage(tx, parts.crypto, groupId, from, waiting.ciphertext);
    if (!padded) {
      if (ephemeral) return undefined;
      if (isAnswered) {
        // It was never sealed for this group, or with a key that we were not given.
        await say(tx, changes, parts, groupId, `A message from ${contact.name} could not be opened.`);
        return undefined;
      }
      await keepWaiting(tx, waiting);
      await ask(tx, parts, groupId, from);
      return undefined;
    }
    content = decodeContent(padded);
  } catch (error) {
    const isRepeated = error instanceof E2eeError && error.code === 'duplicate-message';
    if (isRepeated || ephemeral) return undefined;
    await say(tx, changes, parts, groupId, `A message from ${contact.name} could not be opened.`);
    return undefined;
  }
  if (content.groupId !== groupId) {
    await say(
      tx,
      changes,
      parts,
      groupId,
      `A message from ${contact.name} was not written in this group. It is not shown.`,
    );
    return undefined;
  }
  await parts.apply(tx, changes, { groupId, from, contact, messageId, content, acceptedAtMs });
  return content;
}

/** A member's key for what they write; what waited for it is opened. */
export async function takeSenderKey(
  tx: StoreTransaction,
  changes: Changes,
  parts: GroupInboxParts,
  from: Address,
  distribution: SenderKeyDistribution,
): Promise<void> {
  const groupId = groupIdSchema.safeParse(distribution.groupId);
  if (!groupId.success || !(await claimKey(tx, groupId.data, from))) return;
  if (!(await keepSenderKey(tx, groupId.data, from, distribution))) return;
  const isAnswered = await takeAsked(tx, groupId.data, from);
  for (const waiting of await takeWaiting(tx, groupId.data, from)) {
    await openGroupDelivery(tx, changes, parts, waiting, { isAnswered });
  }
}

/** Everything that waits in a group whose roster has just been looked at. */
export async function openAllWaiting(
  tx: StoreTransaction,
  changes: Changes,
  parts: GroupInboxParts,
  groupId: GroupId,
): Promise<void> {
  for (const waiting of await takeWaiting(tx, groupId)) {
    await openGroupDelivery(tx, changes, parts, waiting, { isLast: true });
  }
}

/** The server has to be asked before it is believed: kept until then. */
export async function takeInvite(tx: StoreTransaction, from: Address, invite: GroupInvite): Promise<void> {
  const groupId = groupIdSchema.safeParse(invite.groupId);
  if (!groupId.success || invite.groupKey.length !== 32) return;
  await addChore(tx, { type: 'join', groupId: groupId.data, from, invite: toBinary(GroupInviteSchema, invite) });
}

export const readInvite = (bytes: Uint8Array): GroupInvite => fromBinary(GroupInviteSchema, bytes);

export async function takeRequest(tx: StoreTransaction, from: Address, text: string, nowMs: number): Promise<void> {
  const groupId = groupIdSchema.safeParse(text);
  if (!groupId.success) return;
  const group = await readGroup(tx, groupId.data);
  if (!group?.joined || !(await claimAnswer(tx, group.groupId, from, nowMs))) return;
  await addChore(tx, { type: 'answer', groupId: group.groupId, to: from });
}

/** Somebody says that something has changed; only what is known here is looked at. */
export async function takeNotice(tx: StoreTransaction, text: string): Promise<void> {
  const groupId = groupIdSchema.safeParse(text);
  if (!groupId.success) return;
  const group = await readGroup(tx, groupId.data);
  if (group?.joined) await addChore(tx, { type: 'sync', groupId: group.groupId });
}

export const isMember = (group: GroupRecord, account: AccountId): boolean =>
  group.members.some(([accountId]) => accountId === account);

/** Asks a device for its key, and for the group when we do not know it. */
export async function ask(
  tx: StoreTransaction,
  { crypto, account, now }: Pick<GroupInboxParts, 'crypto' | 'account' | 'now'>,
  groupId: GroupId,
  of: Asked,
): Promise<void> {
  if (!(await claimAsk(tx, groupId, of, now()))) return;
  await enqueue(tx, {
    messageId: newMessageId(crypto),
    to: of.accountId,
    only: of.deviceId,
    content: encodeContent(account(), { case: 'groupRequest', value: { groupId } }, now()),
  });
}

async function say(
  tx: StoreTransaction,
  changes: Changes,
  { crypto, now }: GroupInboxParts,
  groupId: GroupId,
  words: string,
): Promise<void> {
  await addNotice(tx, changes, { id: newMessageId(crypto), conversation: groupId, words, atMs: now() });
}
