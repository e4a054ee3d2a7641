// The port to durable state. Every method is one atomic operation: an adapter
// may run it in a transaction (SQLite) or a script (Redis), and the promise of
// a write resolves only when the write would survive a crash.
// test/storeContract.ts holds every adapter to this.
import type { AccountId, Address, DeviceId, Handle, MessageId } from '@carillon/protocol';
import type { DeviceDifference } from './deviceList.ts';

type Bytes = Uint8Array;

export interface SignedPrekeyRecord {
  readonly id: number;
  readonly publicKey: Bytes;
  readonly signature: Bytes;
}

export interface OneTimePrekeyRecord {
  readonly id: number;
  readonly publicKey: Bytes;
}

export interface NewDevice {
  readonly name: string;
  readonly identityKey: Bytes;
  readonly signedPrekey: SignedPrekeyRecord;
  readonly oneTimePrekeys: readonly OneTimePrekeyRecord[];
}

export interface AccountRecord {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly deviceIds: readonly DeviceId[];
}

export interface RegisteredDevice {
  readonly address: Address;
  /** Devices the account had before; they, their queues and prekeys are gone. */
  readonly removed: readonly DeviceId[];
}

export type DeviceLookup =
  | { readonly type: 'present'; readonly identityKey: Bytes; readonly handle: Handle; readonly oneTimePrekeys: number }
  /** The account once had a device of this id. */
  | { readonly type: 'removed' }
  | { readonly type: 'unknown' };

export interface BundleRecord {
  readonly deviceId: DeviceId;
  readonly identityKey: Bytes;
  readonly signedPrekey: SignedPrekeyRecord;
  /** Taken: no one else gets it. Undefined when the device has none left. */
  readonly oneTimePrekey: OneTimePrekeyRecord | undefined;
  readonly oneTimePrekeysLeft: number;
}

export type EnvelopeKindCode = 1 | 2;

export interface NewMessage {
  readonly from: Address;
  readonly messageId: MessageId;
  readonly to: AccountId;
  readonly urgent: boolean;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly envelopes: readonly { deviceId: DeviceId; kind: EnvelopeKindCode; ciphertext: Bytes }[];
}

export interface QueueLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
}

export type EnqueueOutcome =
  | { readonly type: 'stored'; readonly acceptedAtMs: number }
  /** The same device sent this id to this account before; nothing was stored again. */
  | { readonly type: 'repeated'; readonly acceptedAtMs: number }
  | { readonly type: 'stale-devices'; readonly difference: DeviceDifference }
  | { readonly type: 'queue-full'; readonly deviceId: DeviceId }
  | { readonly type: 'account-unknown' }
  | { readonly type: 'sender-removed' };

export interface QueuedEnvelope {
  /** Grows within one device's queue, never used again. */
  readonly seq: number;
  readonly urgent: boolean;
  readonly messageId: MessageId;
  readonly from: Address;
  readonly kind: EnvelopeKindCode;
  readonly ciphertext: Bytes;
  readonly acceptedAtMs: number;
}

export interface PageQuery {
  readonly urgent: boolean;
  /** Exclusive. */
  readonly afterSeq: number;
  readonly limit: number;
  /** What has expired by then is passed over. */
  readonly nowMs: number;
}

export interface SweepLimits {
  readonly nowMs: number;
  /** Send ids accepted before are forgotten: a repeat would then be stored again. */
  readonly forgetIdsBeforeMs: number;
  /** Newest send ids kept, whatever their age. */
  readonly rememberedIdsMax: number;
}

export interface MessagingStore {
  /** Creates the account of the handle, or replaces all devices of the one there is. Device ids are never used again. */
  registerDevice(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice>;
  accountByHandle(handle: Handle): Promise<AccountRecord | undefined>;
  accountById(accountId: AccountId): Promise<AccountRecord | undefined>;
  device(address: Address): Promise<DeviceLookup>;
  /**
   * Replaces the signed prekey if given; adds the one-time prekeys whose ids are
   * not held, up to `oneTimeMax` held. Returns how many are held, or undefined for no such device.
   */
  publishPrekeys(
    address: Address,
    signed: SignedPrekeyRecord | undefined,
    oneTime: readonly OneTimePrekeyRecord[],
    oneTimeMax: number,
  ): Promise<number | undefined>;
  /** One bundle for each named device that exists (none named: for all); undefined for no such account. */
  takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<readonly BundleRecord[] | undefined>;
  /** For every device of the recipient (but the sender itself), or for none. */
  enqueue(message: NewMessage, limits: QueueLimits): Promise<EnqueueOutcome>;
  /** In order of seq. */
  page(address: Address, query: PageQuery): Promise<readonly QueuedEnvelope[]>;
  /** Removes; seqs not in the queue are passed over. */
  acknowledge(address: Address, seqs: readonly number[]): Promise<void>;
  /** Drops a bounded number of expired envelopes and old send ids; true when there is more to drop. */
  sweep(limits: SweepLimits): Promise<boolean>;
  /** Why writes fail at the moment, in words; undefined when they do not. */
  problem(): string | undefined;
  /** Finishes the writes under way. */
  close(): Promise<void>;
}
