// Everything that exists only while somebody is signed in, made and closed together.

import { safetyNumber } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type ConversationId,
  isGroupId,
  type MessageId,
  ProtocolError,
  ReceiptKind,
} from '@carillon/protocol';
import { AccessTokens } from './account/accessTokens.ts';
import type { CallsFactory, CallsHalf, MediaSource, OpenedMedia } from './api.ts';
import type { HttpJson } from './connection/httpJson.ts';
import { type ContactRecord, readContact, writeContact } from './contacts/contactRecord.ts';
import { acceptChange, currentRoots } from './contacts/trust.ts';
import {
  readConversation,
  readConversationRecord,
  setUnread,
  touchConversation,
} from './conversations/conversations.ts';
import { findMessage, lastMessage, listMessages, updateMessage } from './conversations/history.ts';
import { addOutgoing, newMessageId } from './conversations/writing.ts';
import { primaryIdentity } from './devices/ownAccount.ts';
import { tellOwnDevices } from './devices/ownCopies.ts';
import type { Emitter } from './events.ts';
import { Downloads } from './media/downloads.ts';
import { failInterruptedPreparations, queueMedia } from './media/sending.ts';
import { retryUpload, Uploads } from './media/uploads.ts';
import { encodeContent } from './messaging/content.ts';
import { Messenger } from './messaging/messenger.ts';
import { enqueue } from './messaging/outbox.ts';
import { enqueueReceipts } from './messaging/receipts.ts';
import type { Account, ConnectionStatus, DirectConversation, Message } from './model.ts';
import { noCalls } from './noCalls.ts';
import type { Platform } from './ports.ts';
import type { Ledger } from './store/ledger.ts';

const TEXT_CHARACTERS_MAX = 16_384;
/** Read receipts are sent for so many messages back at most. */
const READ_AT_ONCE_MAX = 1_000;

export interface SignedInParts {
  readonly platform: Platform;
  readonly baseUrl: string;
  readonly http: HttpJson;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly account: () => Account;
  readonly calls: CallsFactory | undefined;
  readonly onStatus: (status: ConnectionStatus) => void;
}

export class SignedIn {
  readonly calls: CallsHalf;
  readonly #parts: SignedInParts;
  readonly #messenger: Messenger;
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;

  constructor(parts: SignedInParts) {
    this.#parts = parts;
    const { platform, baseUrl, http, ledger, emitter, account } = parts;
    const tokens = new AccessTokens(platform, http);
    let online = false;
    this.#messenger = new Messenger({
      platform,
      baseUrl,
      ledger,
      emitter,
      tokens,
      account,
      onStatus: (status) => {
        online = status.state === 'online';
        parts.onStatus(status);
      },
      onOnline: () => this.#uploads.kick(),
    });
    this.#uploads = new Uploads({
      platform,
      ledger,
      emitter,
      http,
      tokens,
      baseUrl,
      account,
      isOnline: () => online,
      onUploaded: (to) => this.#messenger.outbox.kickLane(to),
    });
    this.#downloads = new Downloads({ platform, ledger, emitter, http, tokens, baseUrl });
    this.calls =
      parts.calls?.({
        channel: this.#messenger.channel,
        baseUrl,
        platform,
        emit: (call) => emitter.emit('call', call),
        notice: (notice) => emitter.emit('notice', notice),
      }) ?? noCalls('This program cannot make calls.');
  }

  async start(): Promise<void> {
    await failInterruptedPreparations(this.#parts.ledger);
    this.#messenger.start();
  }

  /** `hangUp`: for good, not only until the app is opened again. */
  async close(hangUp: boolean): Promise<void> {
    await this.calls.close({ hangUp });
    await Promise.all([this.#uploads.close(), this.#downloads.close()]);
    await this.#messenger.close();
  }

  contactByHandle(handle: string): Promise<ContactRecord | undefined> {
    return this.#messenger.directory.byHandle(handle);
  }

  async startConversation(handle: string): Promise<DirectConversation> {
    const contact = await this.contactByHandle(handle);
    if (!contact) throw new ProtocolError('account-unknown');
    if (contact.accountId === this.#parts.account().accountId) {
      throw new ProtocolError('invalid-request', { words: 'That is your own name.' });
    }
    const conversation = await this.#parts.ledger.change(async (tx, changes) => {
      // Who looks for somebody by name has accepted them, unless they wrote before as a stranger.
      const accepted = (await readConversationRecord(tx, contact.accountId)) === undefined;
      await touchConversation(tx, contact.accountId, this.#parts.platform.now(), { accepted });
      changes.conversation(contact.accountId);
      return readConversation(tx, contact.accountId);
    });
    return conversation as DirectConversation;
  }

  async sendText(to: ConversationId, text: string): Promise<Message> {
    const { platform, ledger, account } = this.#parts;
    if (text.length > TEXT_CHARACTERS_MAX) {
      throw new ProtocolError('frame-too-large', { words: 'The message is too long to be sent.' });
    }
    await this.#know(to);
    const id = newMessageId(platform.crypto);
    const message = await ledger.change(async (tx, changes) => {
      const content = encodeContent(account(), { case: 'text', value: { text } }, platform.now());
      await enqueue(tx, { messageId: id, to, content, copy: true });
      return addOutgoing(tx, changes, { id, conversation: to, body: { type: 'text', text } }, platform.now());
    });
    this.#messenger.outbox.kickLane(to);
    return message;
  }

  async sendMedia(to: ConversationId, source: MediaSource): Promise<Message> {
    await this.#know(to);
    const message = await queueMedia(this.#parts, to, source);
    this.#uploads.kick();
    return message;
  }

  /** @throws ProtocolError when there is nobody to send to */
  async #know(to: ConversationId): Promise<void> {
    if (isGroupId(to)) throw new ProtocolError('group-unknown');
    await this.#messenger.directory.byId(to);
  }

  async retry(id: MessageId): Promise<void> {
    const { platform, ledger, account } = this.#parts;
    const message = await ledger.change(async (tx, changes) => {
      const message = await findMessage(tx, id);
      if (message?.status !== 'failed') return undefined;
      const { body, conversation } = message;
      if (body.type === 'text') {
        const content = encodeContent(account(), { case: 'text', value: { text: body.text } }, platform.now());
        await enqueue(tx, { messageId: id, to: conversation, content, copy: true });
      } else if (!(await retryUpload(tx, id))) {
        throw new ProtocolError('not-found', { words: 'The file is no longer on this device; choose it again.' });
      }
      await updateMessage(tx, changes, { ...message, status: 'sending', failure: undefined });
      return message;
    });
    if (!message) return;
    this.#uploads.kick();
    this.#messenger.outbox.kickLane(message.conversation);
  }

  openMedia(id: MessageId): Promise<OpenedMedia> {
    return this.#downloads.open(id);
  }

  async markRead(conversation: ConversationId): Promise<void> {
    const { platform, ledger, account } = this.#parts;
    const isTold = await ledger.change(async (tx, changes) => {
      const record = await readConversationRecord(tx, conversation);
      if (!record || record.unread === 0) return false;
      const ids: MessageId[] = [];
      let beforeMs: number | undefined;
      for (let seen = 0; ids.length < record.unread && seen < READ_AT_ONCE_MAX; ) {
        const page = await listMessages(tx, conversation, {
          limit: 100,
          ...(beforeMs === undefined ? {} : { beforeMs }),
        });
        for (const message of page.filter(({ status }) => status === 'unread')) {
          await updateMessage(tx, changes, { ...message, status: 'read' });
          // The caller knows whether we answered: a call entry gets no receipt.
          if (message.body.type !== 'call') ids.push(message.id);
        }
        if (page.length < 100) break;
        seen += page.length;
        beforeMs = page[0]!.sentAtMs;
      }
      await setUnread(tx, record, 0);
      changes.conversation(conversation);
      if (!isGroupId(conversation)) {
        await enqueueReceipts(tx, platform, account(), conversation, ReceiptKind.READ, ids);
      }
      const upToMessageId = (await lastMessage(tx, conversation))?.id;
      if (upToMessageId === undefined) return false;
      const value = { conversationId: conversation, upToMessageId, readAtMs: BigInt(Math.trunc(platform.now())) };
      return tellOwnDevices(tx, { platform, account }, { case: 'readMark', value });
    });
    this.#messenger.outbox.kickLane(conversation);
    if (isTold) this.#messenger.outbox.kickLane(account().accountId);
  }

  async safetyNumber(accountId: AccountId): Promise<string> {
    const contact = await this.#messenger.sender.meet(accountId);
    const account = this.#parts.account();
    const primary = await this.#parts.ledger.read((tx) => primaryIdentity(tx, account));
    return safetyNumber(
      { accountId: account.accountId, identityKeys: [primary] },
      { accountId, identityKeys: currentRoots(contact) },
    );
  }

  async acceptIdentity(accountId: AccountId): Promise<void> {
    await this.#parts.ledger.change(async (tx, changes) => {
      const contact = await readContact(tx, accountId);
      if (!contact) return;
      await writeContact(tx, acceptChange(contact));
      changes.conversation(accountId);
    });
    this.#messenger.outbox.kickLane(accountId);
  }
}
