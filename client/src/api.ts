// The SDK as an app sees it. `Carillon` (carillon.ts) implements `CarillonApi`;
// the web app and the command line use nothing else.
import type { SafetyComparison } from '@carillon/messaging-core/e2ee';
import type {
  AccountId,
  CallId,
  ConversationId,
  DeviceId,
  GroupId,
  Handle,
  MessageId,
  RegistrationReply,
} from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from './messaging/contentChannel.ts';
import type {
  Account,
  CallLinkView,
  CallView,
  ConnectionStatus,
  Contact,
  Conversation,
  DirectConversation,
  HistoryProgress,
  JoiningView,
  KnockView,
  MediaKind,
  Message,
  Notice,
  OwnDeviceView,
  PresenceView,
  Settings,
  TransferProgress,
  TypingSign,
} from './model.ts';
import type { Platform } from './ports.ts';

export interface CarillonEvents {
  account: Account | undefined;
  connection: ConnectionStatus;
  /** New or changed. */
  conversation: Conversation;
  /** New or changed. */
  message: Message;
  progress: TransferProgress;
  notice: Notice;
  /** New or changed; one in phase `ended` is sent once and then forgotten. */
  call: CallView;
  /** Only of conversations that are open (`openConversation`). */
  typing: TypingSign;
  presence: PresenceView;
  settings: Settings;
  conversationDeleted: ConversationId;
  /** The key of a large group is handed to its members; what was written goes when that is done. */
  groupKeys: { readonly groupId: GroupId; readonly done: number; readonly total: number };
  /** The account's own devices, after a change. */
  devices: readonly OwnDeviceView[];
  history: HistoryProgress;
  /** Our call links, after a change. */
  callLinks: readonly CallLinkView[];
  /** Who waits at them, after a change. */
  lobby: readonly KnockView[];
  /** New or changed; one in phase `over` is sent once and then forgotten. */
  joining: JoiningView;
}

/** A file as the person chose it; the platform prepares it (re-encode, thumbnail) before it is sealed. */
export interface MediaSource {
  readonly kind: MediaKind;
  readonly fileName: string;
  readonly mimeType: string;
  /** Browser: a Blob or File. Node: the path of a file. */
  readonly data: unknown;
  readonly caption?: string;
}

export interface OpenedMedia {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly mimeType: string;
  readonly fileName: string;
}

export interface GroupsApi {
  /** `picture`: at most 24 KiB of JPEG, PNG or WebP. @throws ProtocolError `group-full`, `account-unknown` */
  createGroup(name: string, members: readonly AccountId[], picture?: Uint8Array<ArrayBuffer>): Promise<Conversation>;
  /** Administrators only, as all changes but leaving. @throws ProtocolError `group-forbidden`, `group-full` */
  addToGroup(group: GroupId, accounts: readonly AccountId[]): Promise<void>;
  removeFromGroup(group: GroupId, accounts: readonly AccountId[]): Promise<void>;
  /** The conversation stays, to be read; nothing more comes. */
  leaveGroup(group: GroupId): Promise<void>;
  setGroupAdmin(group: GroupId, account: AccountId, admin: boolean): Promise<void>;
  renameGroup(group: GroupId, name: string): Promise<void>;
  setGroupPicture(group: GroupId, picture: Uint8Array<ArrayBuffer> | undefined): Promise<void>;
}

export interface SocialApi {
  /** Tells the others of an open conversation, at most every 5 seconds; call it at each key press. */
  setTyping(conversation: ConversationId, typing: boolean): void;
  /** The person looks at it: presence and typing of the others come as events until the returned is called. */
  openConversation(conversation: ConversationId): () => void;
  readonly settings: Settings;
  setSettings(change: Partial<Settings>): Promise<Settings>;
  /** What they send is dropped by the server, unsaid; they do not see us. @throws ProtocolError `unreachable` */
  block(account: AccountId): Promise<void>;
  unblock(account: AccountId): Promise<void>;
  blocked(): Promise<Contact[]>;
  /** A stranger's conversation becomes one like any other; answering does the same. */
  acceptRequest(conversation: ConversationId): Promise<void>;
  /** Its messages, on this device. A group has to be left before. */
  deleteConversation(conversation: ConversationId): Promise<void>;
}

/** A code that a new device shows. */
export interface LinkOffer {
  /** As a QR code, or to be copied. */
  readonly code: string;
  /** By this device's clock, Unix milliseconds. */
  readonly expiresAtMs: number;
  /** @throws ProtocolError `link-unknown` when nobody has confirmed it in time, or it was cancelled */
  readonly linked: Promise<Account>;
  cancel(): void;
}

export interface DevicesApi {
  /** On a device without an account: `name` is what the account's other devices show. @throws ProtocolError */
  beginLink(name: string): Promise<LinkOffer>;
  /** On the main device: takes in the device that shows this code. @throws ProtocolError `not-primary`, `link-unknown`, `device-limit` */
  approveLink(code: string): Promise<void>;
  /** @throws ProtocolError `unreachable` */
  devices(): Promise<readonly OwnDeviceView[]>;
  /** It is cut at once and gets nothing more. On the main device any other; on a linked one itself. @throws ProtocolError */
  removeDevice(deviceId: DeviceId): Promise<void>;
  /** Whether somebody looks at the app: how soon a dead connection is noticed, and what staying connected costs. */
  setForeground(foreground: boolean): void;
  /** The app has come to the front: the connection is proved at once, or made anew. */
  catchUp(): void;
}

export interface NewCallLink {
  readonly name: string;
  readonly video: boolean;
  readonly kind: CallLinkView['kind'];
  readonly lobby: boolean;
}

/** Call links: ours, who waits at them, and waiting at somebody else's. */
export interface CallLinksApi {
  /** Newest first. */
  list(): Promise<readonly CallLinkView[]>;
  /** @throws ProtocolError `invalid-request` when there are too many */
  create(link: NewCallLink): Promise<CallLinkView>;
  change(id: string, change: { readonly name?: string; readonly lobby?: boolean }): Promise<void>;
  /** Nobody comes in by it any more; who waits there is told. */
  revoke(id: string): Promise<void>;

  readonly lobby: readonly KnockView[];
  /** Begins the call with them, or brings them into the link's call that runs here. @throws ProtocolError `call-state` */
  admit(knock: string): Promise<void>;
  refuse(knock: string): Promise<void>;

  /** Whose link it is. @throws ProtocolError `invalid-request`, `account-unknown` */
  read(link: string): Promise<{ readonly owner: Contact; readonly video: boolean }>;
  readonly joining: JoiningView | undefined;
  /** Asks to be let in; the call is then accepted by itself. @throws ProtocolError `invalid-request`, `call-state` */
  join(link: string): Promise<void>;
  /** Waits no more; resolves once the owner was told, or cannot be. */
  cancel(): Promise<void>;
}

export interface CarillonApi extends DevicesApi, GroupsApi, SocialApi {
  readonly account: Account | undefined;
  readonly connection: ConnectionStatus;
  readonly calls: CallsApi;
  readonly links: CallLinksApi;

  /** Returns the way to stop listening. */
  on<Event extends keyof CarillonEvents>(event: Event, listener: (value: CarillonEvents[Event]) => void): () => void;

  /** Sends a code to the handle's owner (on the server's console by default). @throws ProtocolError */
  beginRegistration(handle: string): Promise<RegistrationReply>;
  /** `deviceName`: what the account's other devices show of this one. @throws ProtocolError `code-wrong`, `registration-unknown`, … */
  finishRegistration(registrationId: string, code: string, name: string, deviceName?: string): Promise<Account>;
  setName(name: string): Promise<void>;
  /** Forgets everything on this device; a linked one leaves the account, as far as the server can be reached. */
  signOut(): Promise<void>;

  /** Newest first. */
  conversations(): Promise<Conversation[]>;
  /** Finds the handle and opens (or returns) the conversation. @throws ProtocolError `account-unknown` */
  startConversation(handle: string): Promise<DirectConversation>;
  /** Oldest first, the last `limit` before `beforeMs`. */
  messages(conversation: ConversationId, options?: { beforeMs?: number; limit?: number }): Promise<Message[]>;

  /** Stored before it returns; sent now or when online again; its status changes by `message` events. */
  sendText(to: ConversationId, text: string): Promise<Message>;
  sendMedia(to: ConversationId, source: MediaSource): Promise<Message>;
  /** Tries a failed message again. */
  retry(message: MessageId): Promise<void>;
  /** Downloads (or takes from the device) and opens. @throws ProtocolError `blob-expired`; MediaTamperedError */
  openMedia(message: MessageId): Promise<OpenedMedia>;
  /** Sends read receipts for what has been seen. */
  markRead(conversation: ConversationId): Promise<void>;

  /** 60 digits to compare, the same on both sides. */
  safetyNumber(contact: AccountId): Promise<string>;
  /** The same to show as a QR code. */
  safetyCode(contact: AccountId): Promise<string>;
  /** What the other's screen shows, against what is known here. */
  compareSafetyCode(contact: AccountId, scanned: string): Promise<SafetyComparison>;
  /** The person has seen that the identity changed and wants to go on. */
  acceptIdentity(contact: AccountId): Promise<void>;
  contactByHandle(handle: string): Promise<Contact | undefined>;

  /** For a program that is about to end: resolves once nothing is on its way to the server, or after `timeoutMs`. */
  settle(timeoutMs: number): Promise<void>;
  /** Closes sockets and store; the account stays on the device. */
  close(): Promise<void>;
}

export interface CallOptions {
  readonly video: boolean;
}

export interface AcceptOptions extends CallOptions {
  /** The call that the person is in is held, instead of ended. */
  readonly holdCurrent?: boolean;
}

export interface StartOptions extends CallOptions {
  /** A group call from the beginning, also with one other. */
  readonly room?: boolean;
}

export interface CallsApi {
  /** The call this device is in or that rings here, if any. */
  readonly current: CallView | undefined;
  /** A call on hold behind the current one; there is at most one. */
  readonly held: CallView | undefined;
  /** A call that rings while in one. */
  readonly waiting: CallView | undefined;
  /** One account: peer to peer. More: a group call. @throws when already in a call, or no microphone may be used. */
  start(to: readonly AccountId[], options: StartOptions): Promise<CallView>;
  /** @throws when the current call can neither be ended nor held, or no microphone may be used */
  accept(call: CallId, options: AcceptOptions): Promise<void>;
  /** Nothing is sent or played while held. Taking back the one behind holds the current one. */
  setHeld(call: CallId, on: boolean): Promise<void>;
  decline(call: CallId): Promise<void>;
  hangUp(call: CallId): Promise<void>;
  /** Adds people: the call becomes a group call. */
  invite(call: CallId, accounts: readonly AccountId[]): Promise<void>;
  setMicrophone(on: boolean): Promise<void>;
  setCamera(on: boolean): Promise<void>;
  setScreenShare(on: boolean): Promise<void>;
  /** `deviceId` as from enumerateDevices. */
  setInputDevice(kind: 'audioinput' | 'videoinput', deviceId: string): Promise<void>;
  /** A call this device was in when the page went away. */
  resumable(): Promise<CallId | undefined>;
  resume(call: CallId): Promise<void>;
  /** RTCStatsReport entries of every connection, for tests, the quality sign and benchmarks. */
  stats(): Promise<readonly Record<string, unknown>[]>;
}

/**
 * Builds the calls half over the messaging half, once there is an account; closed
 * when it signs out. Without a factory every call is refused in words.
 */
export type CallsFactory = (deps: {
  readonly channel: ContentChannel;
  /** Origin of the services, without a trailing slash: `https://host:port`. */
  readonly baseUrl: string;
  readonly platform: Platform;
  readonly emit: (call: CallView) => void;
  readonly notice: (notice: Notice) => void;
  /** A call may ring beside one that is here already; default: it may. */
  readonly mayWait?: () => boolean;
}) => CallsHalf;

export interface CallsHalf extends CallsApi {
  /** An invite that is kept from ringing until the person accepts its caller, who is told so. */
  needsPermission(invite: ReceivedContent): void;
  /** Ends everything local; with `hangUp` the call itself, too, which the next page could otherwise resume. */
  close(options?: { readonly hangUp?: boolean }): Promise<void>;
}

export type { AccountId, CallId, ConversationId, GroupId, Handle, MessageId, SafetyComparison };
