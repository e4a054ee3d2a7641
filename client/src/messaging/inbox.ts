// Deliveries, one at a time and in order: opened, committed with everything they
// change, acknowledged, and only then told to calls. A crash at any point means
// that the server delivers again and the device knows it has seen it [MSG-2].
import { type Decrypted, E2eeError } from '@carillon/messaging-core/e2ee';
import {
  type Address,
  accountIdSchema,
  addressKey,
  type Content,
  type Delivery,
  deviceIdSchema,
  type MessageId,
  messageIdSchema,
  ProtocolError,
} from '@carillon/protocol';
import { z } from 'zod';
import { cleanName } from '../account/registration.ts';
import { type ContactRecord, readContact, writeContact } from '../contacts/contactRecord.ts';
import { type Directory, rename } from '../contacts/directory.ts';
import { meetIdentity } from '../contacts/trust.ts';
import { addNotice, newMessageId } from '../conversations/writing.ts';
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

/** Acknowledgements go together, up to so many; the server's window is 128. */
const ACKS_MAX = 32;
/** How far ahead of this device's clock a server's time is believed; what lies further would stand last for ever. */
const AHEAD_MAX_MS = 24 * 60 * 60_000;

/** They become keys of the store: one in another form could stand in somebody else's conversation. */
const fromSchema = z.object({ accountId: accountIdSchema, deviceId: deviceIdSchema });

export interface InboxParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sessions: Sessions;
  readonly account: () => Account;
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
  #acks: bigint[] = [];
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
    this.#acks = [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#queue = [];
    await this.#running;
  }

  async #run(): Promise<void> {
    try {
      for (let delivery = this.#queue.shift(); delivery; delivery = this.#queue.shift()) {
        await this.#process(delivery);
        this.#acks.push(delivery.seq);
        if (this.#acks.length >= ACKS_MAX || this.#queue.length === 0) this.#acknowledge();
      }
      if (!this.#closed) this.#parts.onIdle();
    } catch (error) {
      this.connectionLost();
      if (this.#closed) return;
      this.#parts.onStuck(error);
    }
  }

  #acknowledge(): void {
    const seqs = this.#acks;
    this.#acks = [];
    // Lost, it is delivered again and known.
    this.#parts.socket.request({ case: 'ack', value: { seqs } }, 'acked').catch(() => {});
  }

  async #process(delivery: Delivery): Promise<void> {
    const { account, directory, ledger, onContent } = this.#parts;
    const messageId = messageIdSchema.safeParse(delivery.messageId);
    const { data: from } = fromSchema.safeParse(delivery.from);
    if (!messageId.success || !from || from.accountId === account().accountId) return;
    const seen = await ledger.read((tx) => tx.get('received', receivedKey(from, messageId.data)));
    if (seen !== undefined) return;
    try {
      // A stranger's handle is what the directory says, not what the message claims.
      await directory.byId(from.accountId);
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'account-unknown') return;
      throw error;
    }
    const content = await ledger.change((tx, changes) => this.#open(tx, changes, delivery, from, messageId.data));
    if (content) onContent({ from, content, acceptedAtMs: this.#acceptedAtMs(delivery) });
  }

  #acceptedAtMs({ acceptedAtMs }: Delivery): number {
    return Math.min(Number(acceptedAtMs), this.#parts.platform.now() + AHEAD_MAX_MS);
  }

  async #open(
    tx: StoreTransaction,
    changes: Changes,
    delivery: Delivery,
    from: Address,
    messageId: MessageId,
  ): Promise<Content | undefined> {
    const { platform, sessions } = this.#parts;
    const contact = await readContact(tx, from.accountId);
    if (!contact) throw new Error('the contact is gone');
    await tx.put('received', receivedKey(from, messageId), platform.now());
    let opened: Decrypted;
    try {
      opened = await sessions.open(tx, from, delivery.kind, delivery.ciphertext);
    } catch (error) {
      if (!(error instanceof E2eeError)) throw error;
      // A duplicate was opened before, by a device whose memory of it was cleared.
      if (error.code !== 'duplicate-message') await this.#noteUnreadable(tx, changes, from, contact, delivery);
      return undefined;
    }
    let known = await this.#meet(tx, changes, from, contact, opened.peerIdentity);
    const content = readContent(opened.plaintext);
    const acceptedAtMs = this.#acceptedAtMs(delivery);
    if (!content) {
      const words = `${known.name} sent something that this app cannot show.`;
      await addNotice(tx, changes, { id: messageId, conversation: from.accountId, words, atMs: acceptedAtMs });
      return undefined;
    }
    const isAccepted = known.changed[from.deviceId] === undefined;
    if (isAccepted && content.body.case !== undefined) {
      known = await rename(tx, changes, known, cleanName(content.senderName));
    }
    await applyContent(tx, changes, { from, contact: known, messageId, content, acceptedAtMs });
    // Until the person has accepted a new identity, it neither rings in the known one's name nor joins a call.
    return isAccepted ? content : undefined;
  }

  async #meet(
    tx: StoreTransaction,
    changes: Changes,
    from: Address,
    contact: ContactRecord,
    identityKey: Uint8Array,
  ): Promise<ContactRecord> {
    const { record, trust, isNews } = meetIdentity(contact, from.deviceId, identityKey);
    if (!isNews) return record;
    const devices = record.devices.includes(from.deviceId) ? record.devices : [...record.devices, from.deviceId];
    const known = { ...record, devices };
    await writeContact(tx, known);
    if (trust === 'changed') await noteIdentityChange(tx, changes, known, this.#parts.platform.now());
    return known;
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
    const atMs = this.#acceptedAtMs(delivery);
    const words = `A message from ${contact.name} could not be opened. Ask them to send it again.`;
    await addNotice(tx, changes, { id: newMessageId(platform.crypto), conversation: from.accountId, words, atMs });
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
