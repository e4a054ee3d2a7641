// What others learn of us and we of them: settings, blocks, requests, presence, typing.
import {
  type AccountId,
  accountIdSchema,
  type ConversationId,
  isGroupId,
  type Presence,
  PresenceAudience,
} from '@carillon/protocol';
import { nameChangedAt, noteNameChangedAt, readProfile, writeProfile } from '../account/profile.ts';
import { cleanName } from '../account/registration.ts';
import { contactView } from '../contacts/contactRecord.ts';
import type { Directory } from '../contacts/directory.ts';
import { acceptConversation, type ConversationRecord, isAccepted } from '../conversations/conversations.ts';
import { deleteConversation } from '../conversations/deleting.ts';
import { newMessageId } from '../conversations/writing.ts';
import { isPrimary } from '../devices/ownAccount.ts';
import { tellOwnDevices } from '../devices/ownCopies.ts';
import type { Emitter } from '../events.ts';
import type { GroupSender } from '../groups/groupSender.ts';
import type { Channel } from '../messaging/channel.ts';
import { encodeContent } from '../messaging/content.ts';
import type { EnvelopeSender } from '../messaging/envelopeSender.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import { enqueue } from '../messaging/outbox.ts';
import type { Account, Contact, Settings } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Changes, Ledger } from '../store/ledger.ts';
import { listBlocked, replaceBlocked, writeBlocked } from './blocks.ts';
import { PresenceWatcher } from './presence.ts';
import {
  areSettingsKnown,
  checkSettings,
  DEFAULT_SETTINGS,
  newPresenceKey,
  noteSettingsChanged,
  owePrivacy,
  ownPresenceKey,
  presenceKeyFor,
  privacyOwed,
  readSettings,
  writeSettings,
} from './settings.ts';
import { settingsCopy } from './settingsCopy.ts';
import { TypingSigns } from './typing.ts';

/** Conversations whose people are told a new presence key at once; the others get it with what we write next. */
const TOLD_AT_ONCE_MAX = 64;

export interface SocialParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly directory: Directory;
  readonly sender: EnvelopeSender;
  readonly groups: GroupSender;
  readonly channel: Channel;
  readonly emitter: Emitter;
  readonly account: () => Account;
  /** Another device has changed the name. */
  readonly onProfile: (account: Account) => void;
  /** There is something in the outbox, receipts may be owed. */
  readonly onQueued: () => void;
}

export class Social {
  readonly #parts: SocialParts;
  readonly #presence: PresenceWatcher;
  readonly #typing: TypingSigns;
  readonly #open = new Map<ConversationId, number>();
  readonly #stops: (() => void)[];
  #settings: Settings = DEFAULT_SETTINGS;
  #telling: Promise<void> = Promise.resolve();

  constructor(parts: SocialParts) {
    this.#parts = parts;
    const { ledger, socket, emitter, platform, sender, groups, account, channel } = parts;
    this.#presence = new PresenceWatcher({ ledger, socket, emitter });
    const isOpen = (conversation: ConversationId) => this.#open.has(conversation);
    this.#typing = new TypingSigns({ platform, ledger, emitter, sender, groups, account, isOpen });
    this.#stops = [
      channel.onContent('typing', (received) => void this.#typing.received(received).catch(() => {})),
      channel.onContent('settingsCopy', () => void this.#copied().catch(() => {})),
      emitter.on('message', (message) => {
        if (message.outgoing) this.#typing.wrote(message.conversation);
        else this.#typing.arrived(message);
      }),
      // A key that came, an acceptance: what could not be seen may be seen now.
      emitter.on('conversation', ({ id }) => {
        if (!isGroupId(id) && this.#presence.isOpen(id)) this.#presence.look(id);
      }),
    ];
  }

  get settings(): Settings {
    return this.#settings;
  }

  async start(): Promise<void> {
    const { ledger, platform, account } = this.#parts;
    this.#settings = await ledger.change(async (tx) => {
      const primary = await isPrimary(tx, account());
      if ((await privacyOwed(tx)) === undefined) await owePrivacy(tx, primary);
      // A linked device has none of its own until the main device has told it.
      if (primary && !(await areSettingsKnown(tx))) await noteSettingsChanged(tx, platform.now());
      await ownPresenceKey(tx, platform.crypto);
      return readSettings(tx);
    });
  }

  /** `active`: somebody looks at the app on this device. */
  online(active: boolean): void {
    this.setActive(active);
    this.#presence.lookAgain();
    this.#settle();
  }

  setActive(active: boolean): void {
    const { socket } = this.#parts;
    if (!socket.isOnline) return;
    socket.request({ case: 'setPresence', value: { active } }, 'done').catch(() => {
      // The next connection says it again.
    });
  }

  #settle(): void {
    this.#telling = this.#telling
      .then(() => this.#tellServer())
      .then(() => this.#fetchBlocked())
      .catch(() => {
        // Owed still; the next connection tries again.
      });
  }

  offline(): void {
    this.#presence.connectionLost();
  }

  presence(presence: Presence): void {
    this.#presence.told(presence);
  }

  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#typing.close();
    await this.#telling;
  }

  setTyping(conversation: ConversationId, typing: boolean): void {
    this.#typing.set(conversation, typing);
  }

  openConversation(conversation: ConversationId): () => void {
    this.#open.set(conversation, (this.#open.get(conversation) ?? 0) + 1);
    const stopPresence = isGroupId(conversation) ? () => {} : this.#presence.open(conversation);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#typing.set(conversation, false);
      const left = (this.#open.get(conversation) ?? 1) - 1;
      if (left > 0) this.#open.set(conversation, left);
      else this.#open.delete(conversation);
      stopPresence();
    };
  }

  async setSettings(change: Partial<Settings>): Promise<Settings> {
    await this.#parts.ledger.change(async (tx) => {
      const before = await readSettings(tx);
      const after = { ...before, ...change };
      checkSettings(after);
      await writeSettings(tx, after);
      await noteSettingsChanged(tx, this.#parts.platform.now());
      if (after.presence !== before.presence) await this.#renewKey(tx);
      await this.#copy(tx);
    });
    await this.#reload();
    this.#settle();
    this.#parts.onQueued();
    return this.#settings;
  }

  /** The own other devices show it, too; others learn it with what we write next. */
  async setName(text: string): Promise<Account> {
    const { ledger, account, platform, onQueued } = this.#parts;
    const changed = { ...account(), name: cleanName(text) || account().handle };
    await ledger.change(async (tx) => {
      await writeProfile(tx, changed);
      await noteNameChangedAt(tx, Math.max(Math.trunc(platform.now()), (await nameChangedAt(tx)) + 1));
      await this.#copy(tx);
    });
    onQueued();
    return changed;
  }

  async block(account: AccountId): Promise<void> {
    await this.#setBlocked(account, true);
  }

  async unblock(account: AccountId): Promise<void> {
    await this.#setBlocked(account, false);
  }

  async blocked(): Promise<Contact[]> {
    const { ledger, directory } = this.#parts;
    const contacts: Contact[] = [];
    for (const id of await ledger.read((tx) => listBlocked(tx))) contacts.push(contactView(await directory.byId(id)));
    return contacts;
  }

  async acceptRequest(conversation: ConversationId): Promise<void> {
    await this.#parts.ledger.change(async (tx, changes) => {
      await acceptConversation(tx, conversation);
      changes.conversation(conversation);
      if (!isGroupId(conversation)) await this.#giveKey(tx, conversation);
      await this.#copy(tx);
    });
    this.#parts.onQueued();
  }

  async deleteConversation(conversation: ConversationId): Promise<void> {
    const { ledger, emitter } = this.#parts;
    await deleteConversation(ledger, conversation);
    emitter.emit('conversationDeleted', conversation);
  }

  async #setBlocked(accountId: AccountId, blocked: boolean): Promise<void> {
    const { ledger, socket, directory } = this.#parts;
    await directory.byId(accountId);
    await socket.request({ case: 'setBlocked', value: { accountId, blocked } }, 'done');
    await ledger.change(async (tx, changes) => {
      await writeBlocked(tx, accountId, blocked);
      changes.conversation(accountId);
      if (blocked) await this.#renewKey(tx);
      await this.#copy(tx);
    });
    this.#presence.look(accountId);
    this.#settle();
    this.#parts.onQueued();
  }

  /** Whoever held the old key sees us no more; those who still may are given the new one. */
  async #renewKey(tx: StoreTransaction): Promise<void> {
    const { crypto, now } = this.#parts.platform;
    await newPresenceKey(tx, crypto);
    await noteSettingsChanged(tx, now());
    await owePrivacy(tx, true);
    if ((await readSettings(tx)).presence !== 'contacts') return;
    const rows = await tx.list<ConversationRecord>('conversations');
    const all = rows.map(({ value }) => value).sort((a, b) => b.updatedAtMs - a.updatedAtMs);
    const people = all.map(({ id }) => id).filter((id): id is AccountId => !isGroupId(id));
    for (const id of people.slice(0, TOLD_AT_ONCE_MAX)) if (await isAccepted(tx, id)) await this.#giveKey(tx, id);
  }

  /** Without saying anything else. */
  async #giveKey(tx: StoreTransaction, to: AccountId): Promise<void> {
    const { platform, account } = this.#parts;
    const presenceKey = await presenceKeyFor(tx, to);
    if (!presenceKey) return;
    const content = encodeContent(account(), undefined, platform.now(), { presenceKey });
    await enqueue(tx, { messageId: newMessageId(platform.crypto), to, content });
  }

  async #copy(tx: StoreTransaction): Promise<void> {
    await tellOwnDevices(tx, this.#parts, await settingsCopy(tx, this.#parts.platform.crypto));
  }

  /** Another device of ours has changed something. */
  async #copied(): Promise<void> {
    const { ledger, account, onProfile } = this.#parts;
    const profile = await ledger.read((tx) => readProfile(tx));
    if (profile && profile.name !== account().name) onProfile(profile);
    await this.#reload();
    this.#settle();
  }

  async #reload(): Promise<void> {
    const settings = await this.#parts.ledger.read((tx) => readSettings(tx));
    this.#settings = settings;
    this.#parts.emitter.emit('settings', settings);
    this.#presence.lookAgain();
  }

  async #tellServer(): Promise<void> {
    const { ledger, platform, socket } = this.#parts;
    if (!socket.isOnline) return;
    const owed = await ledger.read(async (tx) => {
      if (!(await privacyOwed(tx))) return undefined;
      return { ...(await readSettings(tx)), key: await ownPresenceKey(tx, platform.crypto) };
    });
    if (!owed) return;
    const presence = AUDIENCES[owed.presence];
    const isKeyed = presence === PresenceAudience.KEY_HOLDERS;
    const privacy = { presence, presenceKeyDigest: isKeyed ? platform.crypto.sha256(owed.key) : new Uint8Array() };
    await socket.request({ case: 'setPrivacy', value: { privacy } }, 'privacy');
    await ledger.change(async (tx) => {
      const now = await readSettings(tx);
      const key = await ownPresenceKey(tx, platform.crypto);
      const isSame = now.presence === owed.presence && key.every((byte, i) => byte === owed.key[i]);
      if (isSame) await owePrivacy(tx, false);
    });
  }

  /** The server's list is the account's: another device may have changed it. */
  async #fetchBlocked(): Promise<void> {
    const { ledger, socket } = this.#parts;
    if (!socket.isOnline) return;
    const { accountIds } = await socket.request({ case: 'listBlocked', value: {} }, 'blocked');
    const ids = accountIds.map((id) => accountIdSchema.safeParse(id).data).filter((id) => id !== undefined);
    const changed = await ledger.change(async (tx, changes: Changes) => {
      const others = await replaceBlocked(tx, ids);
      for (const id of others) changes.conversation(id);
      return others.length > 0;
    });
    if (changed) this.#parts.emitter.emit('settings', this.#settings);
  }
}

const AUDIENCES = {
  everyone: PresenceAudience.EVERYONE,
  contacts: PresenceAudience.KEY_HOLDERS,
  nobody: PresenceAudience.NOBODY,
} as const satisfies Record<Settings['presence'], PresenceAudience>;
