// Everything that exists only while somebody is signed in, made and closed together.

import {
  compareSafetyCode,
  type SafetyComparison,
  type SafetyNumberParty,
  safetyCode,
  safetyNumber,
} from '@carillon/messaging-core/e2ee';
import { type AccountId, type ConversationId, type MessageId, ProtocolError } from '@carillon/protocol';
import { AccessTokens } from './account/accessTokens.ts';
import type { CallsFactory, CallsHalf, MediaSource, OpenedMedia } from './api.ts';
import type { HttpJson } from './connection/httpJson.ts';
import { pause } from './connection/pause.ts';
import { type ContactRecord, readContact, writeContact } from './contacts/contactRecord.ts';
import { acceptChange, currentRoots } from './contacts/trust.ts';
import { readConversation, readConversationRecord, touchConversation } from './conversations/conversations.ts';
import { markRead } from './conversations/reading.ts';
import { checkRecipient, retryMessage, type SendingParts, sendText } from './conversations/sending.ts';
import { isPrimary, primaryIdentity } from './devices/ownAccount.ts';
import type { OwnDevices } from './devices/ownDevices.ts';
import type { Emitter } from './events.ts';
import type { Groups } from './groups/groups.ts';
import { History } from './history/history.ts';
import { CallLinks } from './links/callLinks.ts';
import { Downloads } from './media/downloads.ts';
import { failInterruptedPreparations, queueMedia } from './media/sending.ts';
import type { TransferParts } from './media/transferParts.ts';
import { Uploads } from './media/uploads.ts';
import { Messenger } from './messaging/messenger.ts';
import type { Account, ConnectionStatus, Conversation, DirectConversation, Message } from './model.ts';
import { noCalls } from './noCalls.ts';
import type { Platform } from './ports.ts';
import { CallGate } from './social/callGate.ts';
import type { Social } from './social/social.ts';
import type { Ledger } from './store/ledger.ts';

/** Signing out does not wait longer for a server that is away. */
const LEAVING_MS = 2_000;

export interface SignedInParts {
  readonly platform: Platform;
  readonly baseUrl: string;
  readonly http: HttpJson;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly account: () => Account;
  readonly calls: CallsFactory | undefined;
  readonly onStatus: (status: ConnectionStatus) => void;
  /** Another device of the account has changed the person's name. */
  readonly onProfile: (account: Account) => void;
}

export class SignedIn {
  readonly calls: CallsHalf;
  readonly links: CallLinks;
  readonly #parts: SignedInParts;
  readonly #messenger: Messenger;
  readonly #uploads: Uploads;
  readonly #downloads: Downloads;
  readonly #history: History;
  readonly #callGate: CallGate;

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
      onProfile: parts.onProfile,
      onOnline: () => {
        this.#uploads.kick();
        this.#history.kick();
      },
      onLinked: () => this.#history.kick(),
    });
    const isOnline = () => online;
    const transfer: TransferParts = { platform, ledger, emitter, http, tokens, baseUrl, account, isOnline };
    this.#uploads = new Uploads({ ...transfer, onUploaded: (to) => this.#messenger.outbox.kickLane(to) });
    this.#history = new History({ ...transfer, outbox: this.#messenger.outbox });
    this.#messenger.channel.onContent('historyTransfer', () => this.#history.kick());
    this.#downloads = new Downloads(transfer);
    this.links = new CallLinks({
      ...{ platform, ledger, emitter, account, baseUrl },
      channel: this.#messenger.channel,
      calls: () => this.calls,
      onQueued: () => {
        // What is queued goes with the next connection at the latest.
        this.#messenger.outbox.kick().catch(() => {});
      },
    });
    this.#callGate = new CallGate({
      channel: this.#messenger.channel,
      ledger,
      now: platform.now,
      links: this.links,
      needsPermission: (invite) => this.calls.needsPermission(invite),
    });
    this.calls =
      parts.calls?.({
        channel: this.#callGate,
        baseUrl,
        platform,
        emit: (call) => {
          this.links.callChanged(call);
          emitter.emit('call', call);
        },
        notice: (notice) => emitter.emit('notice', notice),
        mayWait: () => this.social.settings.callWaiting,
      }) ?? noCalls('This program cannot make calls.');
  }

  async start(): Promise<void> {
    await failInterruptedPreparations(this.#parts.ledger);
    await this.social.start();
    this.#messenger.start();
  }

  /** `hangUp`: for good, not only until the app is opened again. */
  async close(hangUp: boolean): Promise<void> {
    await this.calls.close({ hangUp });
    this.#callGate.close();
    await this.links.close();
    await Promise.all([this.#uploads.close(), this.#downloads.close(), this.#history.close()]);
    await this.#messenger.close();
  }

  async settle(timeoutMs: number): Promise<void> {
    const giveUp = new AbortController();
    await Promise.race([this.#messenger.outbox.settled(), pause(timeoutMs, giveUp.signal)]);
    giveUp.abort();
  }

  get ownDevices(): OwnDevices {
    return this.#messenger.ownDevices;
  }

  /** A linked device takes itself off the account, if that can be done now. */
  async leaveAccount(): Promise<void> {
    const { ledger, account } = this.#parts;
    if (await ledger.read((tx) => isPrimary(tx, account()))) return;
    const left = this.#messenger.ownDevices.remove(account().deviceId);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LEAVING_MS);
    });
    // Offline, the main device can still remove it.
    await Promise.race([left.catch(() => {}), patience]);
    clearTimeout(timer);
  }

  setForeground(foreground: boolean): void {
    this.#messenger.setForeground(foreground);
  }

  catchUp(): void {
    this.#messenger.catchUp();
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
    const message = await sendText(this.#sending(), to, text);
    this.#messenger.outbox.kickLane(to);
    return message;
  }

  async sendMedia(to: ConversationId, source: MediaSource): Promise<Message> {
    await checkRecipient(this.#sending(), to);
    const message = await queueMedia(this.#parts, to, source);
    this.#uploads.kick();
    return message;
  }

  async retry(id: MessageId): Promise<void> {
    const message = await retryMessage(this.#sending(), id);
    if (!message) return;
    this.#uploads.kick();
    this.#messenger.outbox.kickLane(message.conversation);
  }

  openMedia(id: MessageId): Promise<OpenedMedia> {
    return this.#downloads.open(id);
  }

  async markRead(conversation: ConversationId): Promise<void> {
    const lanes = await markRead(this.#parts, conversation);
    for (const lane of lanes) this.#messenger.outbox.kickLane(lane);
  }

  #sending(): SendingParts {
    return { ...this.#parts, directory: this.#messenger.directory };
  }

  get social(): Social {
    return this.#messenger.social;
  }

  get groups(): Groups {
    return this.#messenger.groupHalf.groups;
  }

  async createGroup(
    name: string,
    members: readonly AccountId[],
    picture: Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Conversation> {
    const groupId = await this.groups.create(name, members, picture);
    return (await this.#parts.ledger.read((tx) => readConversation(tx, groupId)))!;
  }

  async safetyNumber(accountId: AccountId): Promise<string> {
    return safetyNumber(...(await this.#parties(accountId)));
  }

  async safetyCode(accountId: AccountId): Promise<string> {
    return safetyCode(...(await this.#parties(accountId)));
  }

  async compareSafetyCode(accountId: AccountId, scanned: string): Promise<SafetyComparison> {
    return compareSafetyCode(scanned, ...(await this.#parties(accountId)));
  }

  /** We and the other, each by the main device's identity. */
  async #parties(accountId: AccountId): Promise<[SafetyNumberParty, SafetyNumberParty]> {
    const contact = await this.#messenger.sender.meet(accountId);
    const account = this.#parts.account();
    const primary = await this.#parts.ledger.read((tx) => primaryIdentity(tx, account));
    return [
      { accountId: account.accountId, identityKeys: [primary] },
      { accountId, identityKeys: currentRoots(contact) },
    ];
  }

  async acceptIdentity(accountId: AccountId): Promise<void> {
    await this.#parts.ledger.change(async (tx, changes) => {
      const contact = await readContact(tx, accountId);
      if (!contact) return;
      await writeContact(tx, acceptChange(contact));
      changes.conversation(accountId);
    });
    // Groups wait for it, too.
    await this.#messenger.outbox.kick();
    this.groups.kick();
  }
}
