// The SDK's front: what an app holds. Everything behind it is made when
// somebody signs in, and closed when they sign out.
import {
  type AccountId,
  type ConversationId,
  type MessageId,
  ProtocolError,
  type RegistrationReply,
} from '@carillon/protocol';
import { notSignedIn, readProfile, writeProfile } from './account/profile.ts';
import { beginRegistration, cleanName, finishRegistration } from './account/registration.ts';
import type { CallsApi, CallsFactory, CarillonApi, CarillonEvents, MediaSource, OpenedMedia } from './api.ts';
import { HttpJson } from './connection/httpJson.ts';
import { contactView } from './contacts/contactRecord.ts';
import { listConversations } from './conversations/conversations.ts';
import { listMessages } from './conversations/history.ts';
import { Emitter } from './events.ts';
import type { Account, ConnectionStatus, Contact, Conversation, DirectConversation, Message } from './model.ts';
import { noCalls } from './noCalls.ts';
import type { Platform } from './ports.ts';
import { SignedIn } from './signedIn.ts';
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

  on<Event extends keyof CarillonEvents>(event: Event, listener: (value: CarillonEvents[Event]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  beginRegistration(handle: string): Promise<RegistrationReply> {
    return beginRegistration(this.#http, handle);
  }

  async finishRegistration(registrationId: string, code: string, name: string): Promise<Account> {
    if (this.#account) {
      throw new ProtocolError('invalid-request', {
        words: `This device is signed in as ${this.#account.handle} already; sign out first.`,
      });
    }
    const account = await finishRegistration(this.#http, this.#options.platform, { registrationId, code, name });
    await this.#enter(account);
    this.#emitter.emit('account', account);
    return account;
  }

  async setName(name: string): Promise<void> {
    const account = this.#account;
    if (!account) throw notSignedIn();
    const changed = { ...account, name: cleanName(name) || account.handle };
    await this.#ledger.change((tx) => writeProfile(tx, changed));
    this.#account = changed;
    this.#emitter.emit('account', changed);
  }

  async signOut(): Promise<void> {
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

  async safetyNumber(contact: AccountId): Promise<string> {
    return this.#active().safetyNumber(contact);
  }

  async acceptIdentity(contact: AccountId): Promise<void> {
    return this.#active().acceptIdentity(contact);
  }

  async contactByHandle(handle: string): Promise<Contact | undefined> {
    const record = await this.#active().contactByHandle(handle);
    return record && contactView(record);
  }

  async close(): Promise<void> {
    await this.#leave(false);
    await this.#options.platform.store.close();
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
    });
    await this.#signedIn.start();
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
