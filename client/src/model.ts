// What an app shows: plain data, ready to render, no keys.
import type {
  AccountId,
  BlobId,
  CallId,
  ConversationId,
  DeviceId,
  ErrorCode,
  GroupId,
  Handle,
  MessageId,
} from '@carillon/protocol';

export interface Account {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly handle: Handle;
  /** What others see; chosen by the person. */
  readonly name: string;
}

export interface Contact {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly name: string;
}

export interface GroupMemberView {
  readonly contact: Contact;
  readonly admin: boolean;
}

export interface GroupView {
  readonly groupId: GroupId;
  readonly name: string;
  /** JPEG, PNG or WebP. */
  readonly picture: Uint8Array<ArrayBuffer> | undefined;
  /** We among them, while we are in the group. */
  readonly members: readonly GroupMemberView[];
  /** Whether we are an administrator. */
  readonly admin: boolean;
  /** False once we have left or were removed: nothing can be sent, and nothing more comes. */
  readonly joined: boolean;
  readonly revision: number;
}

/** A conversation is with one other account or in one group, and named by it. */
export interface Conversation {
  readonly id: ConversationId;
  /** The other's name, or the group's. */
  readonly title: string;
  /** The other, of a conversation of two. */
  readonly with: Contact | undefined;
  readonly group: GroupView | undefined;
  readonly lastMessage: Message | undefined;
  readonly unread: number;
  readonly updatedAtMs: number;
  /** The other's identity key is not the one known before; until the person accepts it nothing is sent. */
  readonly identityChanged: boolean;
  /** Begun by somebody we never wrote to: they learn nothing of us until it is accepted or answered. */
  readonly request: boolean;
  readonly blocked: boolean;
}

/** A conversation of two. */
export type DirectConversation = Conversation & { readonly with: Contact };

export type MediaKind = 'photo' | 'video' | 'voice-note' | 'file';

export interface MediaInfo {
  readonly kind: MediaKind;
  readonly blobId: BlobId | undefined;
  readonly sizeBytes: number;
  readonly mimeType: string;
  readonly fileName: string;
  readonly caption: string;
  readonly width: number;
  readonly height: number;
  readonly durationMs: number;
  /** JPEG or WebP. */
  readonly thumbnail: Uint8Array<ArrayBuffer> | undefined;
  /** Peaks, 0 to 255. */
  readonly waveform: Uint8Array<ArrayBuffer> | undefined;
}

export type CallOutcome = 'missed' | 'completed' | 'declined';

export type MessageBody =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'media'; readonly media: MediaInfo }
  | {
      readonly type: 'call';
      readonly callId: CallId;
      readonly outcome: CallOutcome;
      readonly video: boolean;
      readonly durationMs: number;
    }
  /** Something to know about the conversation itself, in words. */
  | { readonly type: 'notice'; readonly words: string };

/** Outgoing: sending, sent, delivered, read, or failed. Incoming: unread, read. */
export type MessageStatus = 'sending' | 'failed' | 'sent' | 'delivered' | 'read' | 'unread';

/** How many members a message of ours has reached in a group. */
export interface GroupReceipts {
  readonly delivered: number;
  readonly read: number;
  /** Members it was sent to, without ourselves. */
  readonly of: number;
}

export interface Message {
  readonly id: MessageId;
  readonly conversation: ConversationId;
  readonly outgoing: boolean;
  /** Who wrote it, of what came in a group. */
  readonly author: Contact | undefined;
  readonly body: MessageBody;
  /** The sender's clock for what we sent, the server's for what we received; Unix milliseconds. */
  readonly sentAtMs: number;
  readonly status: MessageStatus;
  /** Of our own in a group. */
  readonly receipts: GroupReceipts | undefined;
  /** Why it failed, in words. */
  readonly failure: string | undefined;
}

/** Somebody writes at this moment; `typing` false when they stopped, or for 8 seconds gave no sign of it. */
export interface TypingSign {
  readonly conversation: ConversationId;
  readonly contact: Contact;
  readonly typing: boolean;
}

export interface PresenceView {
  readonly accountId: AccountId;
  /** False: they do not show it, or we do not show ours. */
  readonly visible: boolean;
  readonly online: boolean;
  /** Unix milliseconds; 0: not known. */
  readonly lastSeenMs: number;
}

export interface Settings {
  /** Off: none are sent, and those of others are not shown either. */
  readonly readReceipts: boolean;
  /** Who sees when we are online; `nobody`: we do not see others' either. */
  readonly presence: 'everyone' | 'contacts' | 'nobody';
  /** Whose calls ring here: everybody's, or only of those we have written to or accepted; others hear `needs-permission`. */
  readonly callsFrom: 'everyone' | 'accepted';
  /** No call rings on any device, until Unix milliseconds or until it is switched off; each stands as missed afterwards. */
  readonly doNotDisturb: false | { readonly untilMs?: number };
  /** A call may ring beside the one that is here. Off: who makes it hears that the line is busy, and it stands as missed. */
  readonly callWaiting: boolean;
}

/** One of the account's own devices. */
export interface OwnDeviceView {
  readonly deviceId: DeviceId;
  /** Its own word; empty when it has not told. */
  readonly name: string;
  /** The one that links and removes others. */
  readonly primary: boolean;
  /** This one. */
  readonly current: boolean;
  readonly linkedAtMs: number;
  /** To the hour. */
  readonly lastSeenMs: number;
  readonly connected: boolean;
}

/** Earlier conversations on their way to a device that was just linked. */
export interface HistoryProgress {
  readonly direction: 'sending' | 'receiving';
  readonly stage: 'preparing' | 'transferring' | 'importing' | 'done' | 'failed';
  /** Bytes while transferring, entries while importing. */
  readonly done: number;
  readonly total: number;
  /** What went wrong. */
  readonly words: string | undefined;
}

export type ConnectionState = 'offline' | 'connecting' | 'online';

export interface ConnectionStatus {
  readonly state: ConnectionState;
  /** Why it is not online, in words a person understands. */
  readonly words: string | undefined;
  /** This device is no longer part of the account: nothing comes or goes any more, but what it holds is there. */
  readonly removed?: true;
}

export interface TransferProgress {
  readonly messageId: MessageId;
  readonly direction: 'up' | 'down';
  readonly stage: 'preparing' | 'encrypting' | 'transferring' | 'done';
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** Something the person should know, not tied to one message. */
export interface Notice {
  readonly code: ErrorCode | 'storage-lost' | 'clock-wrong' | 'media-tampered' | 'message-unreadable' | 'call-failed';
  readonly words: string;
}

export type CallPhase = 'starting' | 'ringing-out' | 'ringing-in' | 'connecting' | 'active' | 'reconnecting' | 'ended';

export type CallEndReason =
  | 'hung-up'
  | 'declined'
  | 'busy'
  | 'cancelled'
  | 'expired'
  | 'accepted-elsewhere'
  | 'declined-elsewhere'
  | 'busy-elsewhere'
  | 'needs-permission'
  | 'connection-lost'
  | 'failed';

/** 0 unknown, 1 poor, 2 fair, 3 good. */
export type NetworkQuality = 0 | 1 | 2 | 3;

export interface RemoteParticipant {
  readonly contact: Contact;
  readonly state: 'invited' | 'ringing' | 'joined' | 'left' | 'declined' | 'busy' | 'expired';
  /** MediaStream in the browser: microphone and camera; undefined until media arrives. */
  readonly stream: unknown;
  readonly screen: unknown;
  readonly microphoneOn: boolean;
  readonly cameraOn: boolean;
  /** Their pictures are on, and left out for their connection. */
  readonly videoPaused: boolean;
  /** They hold the call: nothing comes from them, and nothing is played there. */
  readonly held: boolean;
  readonly speaking: boolean;
  readonly quality: NetworkQuality;
}

export interface CallView {
  readonly callId: CallId;
  readonly phase: CallPhase;
  readonly outgoing: boolean;
  readonly video: boolean;
  /** Media directly between two devices, or through an SFU room. */
  readonly mode: 'peer' | 'room';
  readonly others: readonly RemoteParticipant[];
  readonly local: {
    /** MediaStream in the browser. */
    readonly stream: unknown;
    readonly screen: unknown;
    readonly microphoneOn: boolean;
    readonly cameraOn: boolean;
    readonly screenOn: boolean;
  };
  /** When media first flowed, Unix milliseconds. */
  readonly connectedAtMs: number | undefined;
  /** On hold here: nothing is sent or played. */
  readonly held: boolean;
  readonly quality: NetworkQuality;
  /** What a weak connection makes the call do without, and why, in words; and for a moment that it is back. */
  readonly linkWords: string | undefined;
  readonly endReason: CallEndReason | undefined;
  /** What is happening, or what went wrong, in words; for the screen and the screen reader. */
  readonly words: string;
}

/** An address by which whoever has it may ask to be called. */
export interface CallLinkView {
  readonly id: string;
  readonly url: string;
  readonly name: string;
  readonly video: boolean;
  /** A call with one person at a time, or one of many. */
  readonly kind: 'one' | 'group';
  /** The owner is asked about each who knocks; else they are let in by themselves, and hear nothing before the owner speaks. */
  readonly lobby: boolean;
  readonly createdAtMs: number;
}

/** Somebody waits at a call link of ours. */
export interface KnockView {
  readonly id: string;
  readonly contact: Contact;
  readonly link: CallLinkView;
  readonly sinceMs: number;
}

export type JoinEnd = 'joined' | 'cancelled' | 'refused' | 'revoked' | 'busy' | 'no-answer' | 'failed';

/** We wait at somebody's call link. */
export interface JoiningView {
  readonly owner: Contact;
  readonly video: boolean;
  readonly phase: 'knocking' | 'waiting' | 'entering' | 'over';
  /** Of the call that we are let into: it is accepted by itself and need not ring. */
  readonly callId: CallId | undefined;
  readonly end: JoinEnd | undefined;
  /** What is happening, or why it is over, in words. */
  readonly words: string;
}
