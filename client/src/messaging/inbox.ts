// Deliveries, one at a time and in order: opened, committed with everything they
// change, acknowledged, and only then told to calls. A crash at any point means
// that the server delivers again and the device knows it has seen it [MSG-2].
import { type Decrypted, E2eeError } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  accountIdSchema,
  addressKey,
  type Content,
  type Delivery,
  deviceIdSchema,
  EnvelopeKind,
  groupIdSchema,
  type MessageId,
  messageIdSchema,
  ProtocolError,
} from '@carillon/protocol';
import { z } from 'zod';
import { cleanName } from '../account/registration.ts';
import { type ContactRecord, readContact, writeContact } from '../contacts/contactRecord.ts';
import { type Directory, rename } from '../contacts/directory.ts';
import { isFormer, isTrusted, meetIdentity } from '../contacts/trust.ts';
import { addNotice, newMessageId } from '../conversations/writing.ts';
import { applyOwnContent } from '../devices/applyOwnContent.ts';
import { type GroupInboxParts, openGroupDelivery } from '../groups/groupInbox.ts';
import type { Account } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { applyContent } from './applyContent.ts';
import { decodeContent, encodeContent } from './content.ts';
import type { ReceivedContent } from './contentChannel.ts';
import { noteIdentityChange } from './identityNotice.ts';
import type { MessagingSocket } from './messagingSocket.ts';
import { enqueue } from './outbox.ts';
import type { Sessions } from './sessions.ts';

/** Deliveries committed and acknowledged together: more cost less each, and their screen comes later; the server's window is 128. */
const BATCH_MAX = 32;
/** How far ahead of this device's clock a server's time is believed; what lies further would stand last for ever. */
const AHEAD_MAX_MS = 24 * 60 * 60_000;

/** They become keys of the store: one in another form could stand in somebody else's conversation. */
const fromSchema = z.object({ accountId: accountIdSchema, deviceId: deviceIdSchema });

/** The directory's answers after which a message is dropped: its sender does not exist, or is not who was asked for. */
const UNANSWERABLE: ReadonlySet<string> = new Set(['account-unknown', 'malformed-frame']);

/** What an own device that was removed since may have said before, and still counts. */
const SAID_BEFORE: ReadonlySet<Content['body']['case']> = new Set(['sentCopy', 'readMark']);

/** Thrown out of a transaction that cannot go on before the directory was asked. */
class AskDirectory extends Error {
  readonly accountId: AccountId;

  constructor(accountId: AccountId) {
    super('the directory has to be asked');
    this.accountId = accountId;
  }
}

export interface InboxParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly account: () => Account;
  readonly groups: GroupInboxParts;
  /** The server names a device of the own account that its primary has not signed for. */
  readonly onForeignDevice: () => void;
  /** After the commit. */
  readonly onContent: (received: ReceivedContent) => void;
  /** All that had come is committed: receipts may be owed, a session may be reset. */
  readonly onIdle: () => void;
  /** The directory or the store refused: nothing more is taken from this connection, the next delivers again. */
  readonly onStuck: (error: unknown) => void;
}

export class Inbox {
  readonly #parts: InboxParts;
  #queue: Delivery[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(parts: InboxParts) {
    this.#parts = parts;
  }

  push(delivery: Delivery): void {
    if (this.#closed) return;
    this.#queue.push(delivery);
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
  }

  /** A new connection delivers again whatever was not acknowledged. */
  connectionLost(): void {
    this.#queue = [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const batch = this.#queue.splice(0, BATCH_MAX);
        await this.#process(batch);
        // Ephemeral ones have no place in a queue.
        this.#acknowledge(batch.map(({ seq }) => seq).filter((seq) => seq !== 0n));
      }
      if (!this.#closed) this.#parts.onIdle();
    } catch (error) {
      this.connectionLost();
      if (this.#closed) return;
      this.#parts.onStuck(error);
    }
  }

  #acknowledge(seqs: bigint[]): void {
    if (seqs.length === 0) return;
    // Lost, they are delivered again and known.
    this.#parts.socket.request({ case: 'ack', value: { seqs } }, 'acked').catch(() => {});
  }

  /**
   * In one transaction, since each one waits for the disk. Whom the directory has
   * to be asked about first shows on the way: then nothing has happened yet, and
   * the batch begins anew.
   */
  async #process(batch: readonly Delivery[]): Promise<void> {
    const { ledger, directory, onContent } = this.#parts;
    const asked = new Set<AccountId>();
    for (;;) {
      const received: ReceivedContent[] = [];
      try {
        await ledger.change(async (tx, changes) => {
          for (const delivery of batch) {
            const one = await this.#take(tx, changes, delivery, asked);
            if (one) received.push(one);
          }
        });
        for (const one of received) onContent(one);
        return;
      } catch (error) {
        if (!(error instanceof AskDirectory)) throw error;
        asked.add(error.accountId);
        await directory.refresh(error.accountId).catch((refused: unknown) => {
          if (!(refused instanceof ProtocolError && UNANSWERABLE.has(refused.code))) throw refused;
        });
      }
    }
  }

  async #take(
    tx: StoreTransaction,
    changes: Changes,
    delivery: Delivery,
    asked: ReadonlySet<AccountId>,
  ): Promise<ReceivedContent | undefined> {
    const messageId = messageIdSchema.safeParse(delivery.messageId);
    const { data: from } = fromSchema.safeParse(delivery.from);
    if (!messageId.success || !from || addressKey(from) === addressKey(this.#parts.account())) return undefined;
    if ((await tx.get('received', receivedKey(from, messageId.data))) !== undefined) return undefined;
    // A stranger's handle is what the directory says, not what the message claims.
    if (!(await readContact(tx, from.accountId))) {
      if (!asked.has(from.accountId)) throw new AskDirectory(from.accountId);
      return undefined;
    }
    if (delivery.kind === EnvelopeKind.SENDER_KEY) {
      const content = await this.#openInGroup(tx, changes, delivery, from, messageId.data);
      return content && { from, content, acceptedAtMs: this.#acceptedAtMs(delivery) };
    }
    const content = await this.#open(tx, changes, delivery, from, messageId.data, asked);
    return content && { from, content, acceptedAtMs: this.#acceptedAtMs(delivery) };
  }

  #acceptedAtMs({ acceptedAtMs }: Delivery): number {
    return Math.min(Number(acceptedAtMs), this.#parts.platform.now() + AHEAD_MAX_MS);
  }

  /** One ciphertext for all members of a group. */
  async #openInGroup(
    tx: StoreTransaction,
    changes: Changes,
    delivery: Delivery,
    from: Address,
    messageId: MessageId,
  ): Promise<Content | undefined> {
    const groupId = groupIdSchema.safeParse(delivery.groupId);
    if (!groupId.success) return undefined;
    const ephemeral = delivery.seq === 0n;
    const keptAtMs = this.#parts.platform.now();
    if (!ephemeral) await tx.put('received', receivedKey(from, messageId), keptAtMs);
    const { ciphertext } = delivery;
    const acceptedAtMs = this.#acceptedAtMs(delivery);
    const waiting = { groupId: groupId.data, from, messageId, ciphertext, acceptedAtMs, keptAtMs };
    return openGroupDelivery(tx, changes, this.#parts.groups, waiting, { ephemeral });
  }

  async #open(
    tx: StoreTransaction,
    changes: Changes,
    delivery: Delivery,
    from: Address,
    messageId: MessageId,
    asked: ReadonlySet<AccountId>,
  ): Promise<Content | undefined> {
    const { platform, sessions, account } = this.#parts;
    const contact = await readContact(tx, from.accountId);
    if (!contact) throw new Error('the contact is gone');
    const isOwn = from.accountId === account().accountId;
    // What is ephemeral is not sent again; the ratchet knows a repeat of it.
    if (delivery.seq !== 0n) await tx.put('received', receivedKey(from, messageId), platform.now());
    let opened: Decrypted;
    try {
      opened = await sessions.open(tx, from, delivery.kind, delivery.ciphertext);
    } catch (error) {
      if (!(error instanceof E2eeError)) throw error;
      // A duplicate was opened before, by a device whose memory of it was cleared.
      if (error.code !== 'duplicate-message' && delivery.seq !== 0n)
        await this.#noteUnreadable(tx, changes, from, contact, delivery);
      return undefined;
    }
    const identity = opened.peerIdentity;
    const isKnown = isTrusted(contact, identity) || isFormer(contact, identity) || contact.trusted.length === 0;
    // A device that was linked since: the account's newest list may name it.
    if (!isKnown && !asked.has(from.accountId)) throw new AskDirectory(from.accountId);
    const met = await this.#meet(tx, changes, from, contact, identity);
    const isAccepted = met.isAccepted;
    let { known } = met;
    if (isOwn) {
      const content = isAccepted ? readContent(opened.plaintext) : undefined;
      // Somebody else may hold a device that was removed: it decides nothing any more.
      if (isFormer(contact, identity) && !SAID_BEFORE.has(content?.body.case)) return undefined;
      return content && this.#applyOwn(tx, changes, from, messageId, content, this.#acceptedAtMs(delivery), asked);
    }
    const content = readContent(opened.plaintext);
    const acceptedAtMs = this.#acceptedAtMs(delivery);
    if (!content) {
      const words = `${known.name} sent something that this app cannot show.`;
      await addNotice(tx, changes, { id: messageId, conversation: from.accountId, words, atMs: acceptedAtMs });
      return undefined;
    }
    if (isAccepted && content.body.case !== undefined) {
      known = await rename(tx, changes, known, cleanName(content.senderName));
    }
    const arrival = { from, contact: known, messageId, content, acceptedAtMs, trusted: isAccepted };
    const isHeard = await applyContent(tx, changes, this.#parts.groups, arrival);
    // Until the person has accepted a new identity, it neither rings in the known one's name nor joins a call.
    return isAccepted && isHeard ? content : undefined;
  }

  /** What another device of this account says. */
  async #applyOwn(
    tx: StoreTransaction,
    changes: Changes,
    from: Address,
    messageId: MessageId,
    content: Content,
    acceptedAtMs: number,
    asked: ReadonlySet<AccountId>,
  ): Promise<Content | undefined> {
    const unknown = await applyOwnContent(tx, changes, { from, messageId, content, acceptedAtMs });
    if (unknown === undefined) return content;
    if (!asked.has(unknown)) throw new AskDirectory(unknown);
    return undefined;
  }

  async #meet(
    tx: StoreTransaction,
    changes: Changes,
    from: Address,
    contact: ContactRecord,
    identity: Uint8Array,
  ): Promise<{ known: ContactRecord; isAccepted: boolean }> {
    const { platform, account, onForeignDevice } = this.#parts;
    // What its owner took off the list since: it had written before.
    if (isFormer(contact, identity)) return { known: contact, isAccepted: true };
    const { record, trust, isNews } = meetIdentity(contact, from.deviceId, identity);
    const isAccepted = trust === 'trusted';
    if (!isNews) return { known: record, isAccepted };
    const devices = record.devices.includes(from.deviceId) ? record.devices : [...record.devices, from.deviceId];
    const known = { ...record, devices };
    await writeContact(tx, known);
    if (!isAccepted) {
      if (from.accountId === account().accountId) onForeignDevice();
      else await noteIdentityChange(tx, changes, known, platform.now());
    }
    return { known, isAccepted };
  }

  /** Said in the conversation, and answered once by a new session until something can be read again. */
  async #noteUnreadable(
    tx: StoreTransaction,
    changes: Changes,
    from: Address,
    contact: ContactRecord,
    delivery: Delivery,
  ): Promise<void> {
    const { platform, sessions, account } = this.#parts;
    if (from.accountId !== account().accountId) {
      const atMs = this.#acceptedAtMs(delivery);
      const words = `A message from ${contact.name} could not be opened. Ask them to send it again.`;
      await addNotice(tx, changes, { id: newMessageId(platform.crypto), conversation: from.accountId, words, atMs });
    }
    if (!(await sessions.claimReset(tx, from))) return;
    await enqueue(tx, {
      messageId: newMessageId(platform.crypto),
      to: from.accountId,
      content: encodeContent(account(), { case: 'sessionReset', value: {} }, platform.now()),
      only: from.deviceId,
      freshSession: true,
    });
  }
}

const receivedKey = (from: Address, messageId: string) => `${addressKey(from)}/${messageId}`;

function readContent(padded: Uint8Array): Content | undefined {
  try {
    return decodeContent(padded);
  } catch {
    return undefined;
  }
}
