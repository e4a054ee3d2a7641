// The end-to-end encrypted channel between devices, as calls use it: the
// messaging half implements it, the calls half knows nothing else of messaging.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccountId, Address, Content, ContentSchema, DeviceId } from '@carillon/protocol';
import type { Account, Contact } from '../model.ts';

export type ContentBody = NonNullable<MessageInitShape<typeof ContentSchema>['body']>;

export interface SendOptions {
  /** Overtakes what is not urgent, and is not kept in the outbox over a restart. */
  readonly urgent?: boolean;
  /** Unix milliseconds after which it is dropped unread. */
  readonly expiresAtMs?: number;
}

/** Opened, authenticated, in order, once. */
export interface ReceivedContent {
  readonly from: Address;
  readonly content: Content;
  readonly acceptedAtMs: number;
}

export interface ContentChannel {
  readonly account: Account;
  /** A fresh access token, at least a minute from its expiry; `refused`: the last one was not taken. */
  accessToken(refused?: boolean): Promise<string>;
  /**
   * Seals `body(device)` for each device of the account and sends; mends a stale
   * device list by itself. Resolves with the devices once the server has it durably.
   * @throws ProtocolError
   */
  sendToAccount(to: AccountId, body: (device: DeviceId) => ContentBody, options?: SendOptions): Promise<DeviceId[]>;
  /** To one device only. @throws ProtocolError */
  sendToDevice(to: Address, body: ContentBody, options?: SendOptions): Promise<void>;
  /** Contents of this kind, after they are committed on the device; returns the way to stop. */
  onContent(kind: NonNullable<Content['body']['case']>, listener: (received: ReceivedContent) => void): () => void;
  contact(accountId: AccountId): Promise<Contact>;
  /** The server's clock, as of the last connection: expiries are by it. Unix milliseconds. */
  serverNow(): number;
  /** The person has accepted this account: it may learn where this device is. */
  isAccepted(accountId: AccountId): Promise<boolean>;
  /** Puts a call into the conversation with that account. */
  recordCall(entry: {
    readonly with: AccountId;
    readonly callId: string;
    readonly outgoing: boolean;
    readonly outcome: 'missed' | 'completed' | 'declined';
    readonly video: boolean;
    readonly startedAtMs: number;
    readonly durationMs: number;
    /** They were let in by a call link, or let us in by theirs: that alone accepts nobody. */
    readonly byLink?: boolean;
    /**
     * This device only concludes that it was so: whatever is known of the call stands, and the account's other devices
     * conclude for themselves.
     */
    readonly concluded?: boolean;
  }): Promise<void>;
}
