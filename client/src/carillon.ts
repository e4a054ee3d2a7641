// The SDK's front: what an app holds. Everything behind it is made when
// somebody signs in, and closed when they sign out.
import type { SafetyComparison } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type ConversationId,
  type DeviceId,
  type GroupId,
  type MessageId,
  ProtocolError,
  type RegistrationReply,
} from '@carillon/protocol';
import { notSignedIn, readProfile } from './account/profile.ts';
import { beginRegistration, finishRegistration } from './account/registration.ts';
import type {
  CallLinksApi,
  CallsApi,
  CallsFactory,
  CarillonApi,
  CarillonEvents,
  LinkOffer,
  MediaSource,
  OpenedMedia,
} from './api.ts';
import { HttpJson } from './connection/httpJson.ts';
import { contactView } from './contacts/contactRecord.ts';
import { listConversations } from './conversations/conversations.ts';
import { listMessages } from './conversations/history.ts';
import { linkHere } from './devices/linkHere.ts';
import { Emitter } from './events.ts';
import { noLinks } from './links/noLinks.ts';
import type {
  Account,
  ConnectionStatus,
  Contact,
  Conversation,
  DirectConversation,
  Message,
  OwnDeviceView,
  Settings,
} from './model.ts';
import { noCalls } from './noCalls.ts';
import type { Platform } from './ports.ts';
import { SignedIn } from './signedIn.ts';
import { DEFAULT_SETTINGS } from './social/settings.ts';
import { Ledger } from './store/ledger.ts';

export interface CarillonOptions {
  readonly platform: Platform;
  /** Origin of the services: `https://host:port`. */
  readonly baseUrl: string;
  readonly calls?: CallsFactory | undefined;
}

const SIGNED_OUT: ConnectionStatus = { state: 'offline', words: undefined };

export class Carillon implements CarillonApi {
  readonly #options: CarillonOptions;
  readonly #emitter = new Emitter();
  readonly #http: HttpJson;
  readonly #ledger: Ledger;
  readonly #noCalls = noCalls('Sign in to make calls.');
  #account: Account | undefined;
  #connection: ConnectionStatus = SIGNED_OUT;
  #signedIn: SignedIn | undefined;
  #link: LinkOffer | undefined;

  private constructor(options: CarillonOptions) {
    this.#options = options;
    this.#http = new HttpJson(options.platform, options.baseUrl);
    this.#ledger = new Ledger(options.platform.store, this.#emitter);
  }

  /** Takes up what the device remembers, and connects if somebody is signed in. */
  static async open(options: CarillonOptions): Promise<Carillon> {
    const carillon = new Carillon(options);
    const account = await carillon.#ledger.read((tx) => readProfile(tx));
    if (account) await carillon.#enter(account);
    return carillon;
  }

  get account(): Account | undefined {
    return this.#account;
  }

  get connection(): ConnectionStatus {
    return this.#connection;
  }

  get calls(): CallsApi {
    return this.#signedIn?.calls ?? this.#noCalls;
  }

  get links(): CallLinksApi {
    return this.#signedIn?.links ?? noLinks;
  }

  on<Event extends keyof CarillonEvents>(event: Event, listener: (value: CarillonEvents[Event]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  beginRegistration(handle: string): Promise<RegistrationReply> {
    return beginRegistration(this.#http, handle);
  }

  async finishRegistration(registrationId: string, code: string, name: string, deviceName = ''): Promise<Account> {
    if (this.#account) throw this.#alreadySignedIn(this.#account);
    const input = { registrationId, code, name, deviceName };
    const account = await finishRegistration(this.#http, this.#options.platform, input);
    await this.#enter(account);
    this.#emitter.emit('account', account);
    return account;
  }

  async beginLink(name: string): Promise<LinkOffer> {
    if (this.#account) throw this.#alreadySignedIn(this.#account);
    const onLinked = async (account: Account) => {
      await this.#enter(account);
      this.#emitter.emit('account', account);
    };
    const offer = linkHere({ http: this.#http, platform: this.#options.platform, onLinked }, name);
    this.#link?.cancel();
    this.#link = await offer;
    return this.#link;
  }

  async approveLink(code: string): Promise<void> {
    return this.#active().ownDevices.approveLink(code);
  }

  async devices(): Promise<readonly OwnDeviceView[]> {
    return this.#active().ownDevices.list();
  }

  async removeDevice(deviceId: DeviceId): Promise<void> {
    return this.#active().ownDevices.remove(deviceId);
  }

  setForeground(foreground: boolean): void {
    this.#signedIn?.setForeground(foreground);
  }

  catchUp(): void {
    this.#signedIn?.catchUp();
  }

  async setName(name: string): Promise<void> {
    this.#setAccount(await this.#active().social.setName(name));
  }

  async signOut(): Promise<void> {
    await this.#signedIn?.leaveAccount();
    await this.#leave(true);
    await this.#options.platform.store.clear();
    this.#account = undefined;
    this.#emitter.emit('account', undefined);
  }

  conversations(): Promise<Conversation[]> {
    return this.#ledger.read((tx) => listConversations(tx));
  }

  async startConversation(handle: string): Promise<DirectConversation> {
    return this.#active().startConversation(handle);
  }

  messages(conversation: ConversationId, options: { beforeMs?: number; limit?: number } = {}): Promise<Message[]> {
    return this.#ledger.read((tx) => listMessages(tx, conversation, options));
  }

  async sendText(to: ConversationId, text: string): Promise<Message> {
    return this.#active().sendText(to, text);
  }

  async sendMedia(to: ConversationId, source: MediaSource): Promise<Message> {
    return this.#active().sendMedia(to, source);
  }

  async retry(message: MessageId): Promise<void> {
    return this.#active().retry(message);
  }

  async openMedia(message: MessageId): Promise<OpenedMedia> {
    return this.#active().openMedia(message);
  }

  async markRead(conversation: ConversationId): Promise<void> {
    return this.#active().markRead(conversation);
  }

  setTyping(conversation: ConversationId, typing: boolean): void {
    this.#signedIn?.social.setTyping(conversation, typing);
  }

  openConversation(conversation: ConversationId): () => void {
    return this.#signedIn?.social.openConversation(conversation) ?? (() => {});
  }

  get settings(): Settings {
    return this.#signedIn?.social.settings ?? DEFAULT_SETTINGS;
  }

  async setSettings(change: Partial<Settings>): Promise<Settings> {
    return this.#active().social.setSettings(change);
  }

  async block(account: AccountId): Promise<void> {
    return this.#active().social.block(account);
  }

  async unblock(account: AccountId): Promise<void> {
    return this.#active().social.unblock(account);
  }

  async blocked(): Promise<Contact[]> {
    return this.#active().social.blocked();
  }

  async acceptRequest(conversation: ConversationId): Promise<void> {
    return this.#active().social.acceptRequest(conversation);
  }

  async deleteConversation(conversation: ConversationId): Promise<void> {
    return this.#active().social.deleteConversation(conversation);
  }

  async createGroup(
    name: string,
    members: readonly AccountId[],
    picture?: Uint8Array<ArrayBuffer>,
  ): Promise<Conversation> {
    return this.#active().createGroup(name, members, picture);
  }

  async addToGroup(group: GroupId, accounts: readonly AccountId[]): Promise<void> {
    return this.#active().groups.add(group, accounts);
  }

  async removeFromGroup(group: GroupId, accounts: readonly AccountId[]): Promise<void> {
    return this.#active().groups.remove(group, accounts);
  }

  async leaveGroup(group: GroupId): Promise<void> {
    return this.#active().groups.leave(group);
  }

  async setGroupAdmin(group: GroupId, account: AccountId, admin: boolean): Promise<void> {
    return this.#active().groups.setAdmin(group, account, admin);
  }

  async renameGroup(group: GroupId, name: string): Promise<void> {
    return this.#active().groups.setState(group, (state) => ({ ...state, name }));
  }

  async setGroupPicture(group: GroupId, picture: Uint8Array<ArrayBuffer> | undefined): Promise<void> {
    return this.#active().groups.setState(group, (state) => ({ ...state, picture }));
  }

  async safetyNumber(contact: AccountId): Promise<string> {
    return this.#active().safetyNumber(contact);
  }

  async safetyCode(contact: AccountId): Promise<string> {
    return this.#active().safetyCode(contact);
  }

  async compareSafetyCode(contact: AccountId, scanned: string): Promise<SafetyComparison> {
    return this.#active().compareSafetyCode(contact, scanned);
  }

  async acceptIdentity(contact: AccountId): Promise<void> {
    return this.#active().acceptIdentity(contact);
  }

  async contactByHandle(handle: string): Promise<Contact | undefined> {
    const record = await this.#active().contactByHandle(handle);
    return record && contactView(record);
  }

  async settle(timeoutMs: number): Promise<void> {
    await this.#signedIn?.settle(timeoutMs);
  }

  async close(): Promise<void> {
    this.#link?.cancel();
    await this.#link?.linked.catch(() => {});
    await this.#leave(false);
    await this.#options.platform.store.close();
  }

  #alreadySignedIn({ handle }: Account): ProtocolError {
    const words = `This device is signed in as ${handle} already; sign out first.`;
    return new ProtocolError('invalid-request', { words });
  }

  #active(): SignedIn {
    if (!this.#signedIn) throw notSignedIn();
    return this.#signedIn;
  }

  async #enter(account: Account): Promise<void> {
    this.#account = account;
    const { platform, baseUrl, calls } = this.#options;
    this.#signedIn = new SignedIn({
      platform,
      baseUrl,
      calls,
      http: this.#http,
      ledger: this.#ledger,
      emitter: this.#emitter,
      account: () => this.#account!,
      onStatus: (status) => this.#setStatus(status),
      onProfile: (changed) => this.#setAccount(changed),
    });
    await this.#signedIn.start();
  }

  #setAccount(account: Account): void {
    this.#account = account;
    this.#emitter.emit('account', account);
  }

  async #leave(hangUp: boolean): Promise<void> {
    const signedIn = this.#signedIn;
    this.#signedIn = undefined;
    await signedIn?.close(hangUp);
    this.#setStatus(SIGNED_OUT);
  }

  #setStatus(status: ConnectionStatus): void {
    const { state, words } = this.#connection;
    if (state === status.state && words === status.words) return;
    this.#connection = status;
    this.#emitter.emit('connection', status);
  }
}
