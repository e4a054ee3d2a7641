// The port to durable state. Every method is one atomic operation: an adapter
// may run it in a transaction (SQLite) or a script (Redis), and the promise of
// a write resolves only when the write would survive a crash.
// test/storeContract.ts holds every adapter to this.
import type { AccountId, Address, DeviceId, GroupId, GroupRoster, Handle, MessageId } from '@carillon/protocol';
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

/** ML-KEM-1024 (FIPS 203). */
export interface KemPrekeyRecord {
  readonly id: number;
  readonly publicKey: Bytes;
  readonly signature: Bytes;
}

/** As the wire's SignedDeviceList; checked before it is stored. */
export interface DeviceListRecord {
  readonly revision: number;
  readonly identityKeys: readonly Bytes[];
  readonly signature: Bytes;
}

export interface NewDevice {
  readonly identityKey: Bytes;
  readonly signedPrekey: SignedPrekeyRecord;
  readonly oneTimePrekeys: readonly OneTimePrekeyRecord[];
  readonly kemPrekeys: readonly KemPrekeyRecord[];
  readonly lastResortKemPrekey: KemPrekeyRecord;
}

export interface PrekeyUpdate {
  /** Replaces the present one. */
  readonly signed: SignedPrekeyRecord | undefined;
  /** Added, those whose ids are not held. */
  readonly oneTime: readonly OneTimePrekeyRecord[];
  readonly kem: readonly KemPrekeyRecord[];
  /** Replaces the present one. */
  readonly lastResortKem: KemPrekeyRecord | undefined;
}

/** One-time prekeys, of which a device may hold so many, or holds. */
export interface PrekeyCounts {
  readonly oneTime: number;
  readonly kem: number;
}

export interface AccountRecord {
  readonly accountId: AccountId;
  readonly handle: Handle;
  readonly deviceIds: readonly DeviceId[];
  /** None: the account never linked a device. */
  readonly deviceList: DeviceListRecord | undefined;
}

export interface RegisteredDevice {
  readonly address: Address;
  /** Devices the account had before; they, their queues and prekeys are gone. */
  readonly removed: readonly DeviceId[];
}

export type DeviceLookup =
  | {
      readonly type: 'present';
      readonly identityKey: Bytes;
      readonly handle: Handle;
      readonly oneTimePrekeys: number;
      readonly kemPrekeys: number;
    }
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
  /** A one-time one, taken; else the last-resort one, which stays. Undefined: a device from before there were any. */
  readonly kemPrekey: KemPrekeyRecord | undefined;
  readonly kemPrekeysLeft: number;
}

export interface AccountBundles {
  readonly bundles: readonly BundleRecord[];
  readonly deviceList: DeviceListRecord | undefined;
}

/** As the wire's EnvelopeKind: PREKEY, RATCHET, SENDER_KEY. */
export type EnvelopeKindCode = 1 | 2 | 3;

export interface NewMessage {
  readonly from: Address;
  readonly messageId: MessageId;
  readonly to: AccountId;
  readonly urgent: boolean;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly envelopes: readonly { deviceId: DeviceId; kind: EnvelopeKindCode; ciphertext: Bytes }[];
  /** Refused unless this one of the same device, to the same account, was stored: what is under way together stays in order. */
  readonly after?: MessageId | undefined;
}

export interface QueueLimits {
  readonly messagesMax: number;
  readonly bytesMax: number;
  /** The part of either, 1 to 100, that one account may take of another's queue. */
  readonly senderPercent: number;
}

/** What of a queue one account may fill; its own account all of it. */
export function senderShare(limits: QueueLimits, from: AccountId, to: AccountId): Omit<QueueLimits, 'senderPercent'> {
  const { messagesMax, bytesMax, senderPercent } = limits;
  if (from === to) return limits;
  const share = (of: number) => Math.ceil((of * senderPercent) / 100);
  return { messagesMax: share(messagesMax), bytesMax: share(bytesMax) };
}

export type EnqueueOutcome =
  | { readonly type: 'stored'; readonly acceptedAtMs: number }
  /** The same device sent this id to this account before; nothing was stored again. */
  | { readonly type: 'repeated'; readonly acceptedAtMs: number }
  | { readonly type: 'stale-devices'; readonly difference: DeviceDifference }
  | { readonly type: 'queue-full'; readonly deviceId: DeviceId }
  /** The message that it follows was refused. */
  | { readonly type: 'out-of-order' }
  | { readonly type: 'account-unknown' }
  | { readonly type: 'sender-removed' };

export interface QueuedEnvelope {
  /** Grows within one device's queue, never used again. */
  readonly seq: number;
  readonly urgent: boolean;
  readonly messageId: MessageId;
  readonly from: Address;
  /** Undefined: sent to the account, not to a group of it. */
  readonly groupId: GroupId | undefined;
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

export type LinkOutcome =
  | { readonly type: 'linked'; readonly address: Address; readonly handle: Handle }
  | { readonly type: 'account-unknown' }
  | { readonly type: 'device-limit' }
  /** The list is not newer than the one there is, has another primary, or does not name exactly the devices after this. */
  | { readonly type: 'list-refused' };

export type RemoveOutcome = 'removed' | 'device-unknown' | 'list-refused';

export interface DeviceRecord {
  readonly deviceId: DeviceId;
  readonly identityKey: Bytes;
  readonly createdAtMs: number;
  readonly lastSeenMs: number;
}

export type PresenceAudienceName = 'everyone' | 'key-holders' | 'nobody';

export interface PrivacyRecord {
  readonly presence: PresenceAudienceName;
  readonly presenceKeyDigest: Bytes | undefined;
}

export type PushServiceName = 'apns' | 'apns-voip' | 'fcm' | 'web';

export interface PushTarget {
  readonly service: PushServiceName;
  readonly token: string;
  /** Web Push only. */
  readonly p256dh: Bytes | undefined;
  readonly auth: Bytes | undefined;
}

export interface GroupRecord {
  readonly roster: GroupRoster;
  /** Grows when a member account gains or loses a device. */
  readonly devicesRevision: number;
  readonly sealedState: Bytes;
}

/** An encoded SignedGroupChange, kept for members that were away. */
export interface GroupChangeRecord {
  readonly revision: number;
  readonly signedChange: Bytes;
}

export interface MemberDevices {
  readonly accountId: AccountId;
  readonly deviceIds: readonly DeviceId[];
}

export type GroupPutOutcome = 'stored' | 'stale' | 'exists' | 'unknown';

export interface NewGroupMessage {
  readonly from: Address;
  readonly messageId: MessageId;
  readonly groupId: GroupId;
  readonly rosterRevision: number;
  readonly devicesRevision: number;
  readonly urgent: boolean;
  readonly acceptedAtMs: number;
  readonly expiresAtMs: number;
  readonly ciphertext: Bytes;
}

export type GroupAcceptOutcome =
  /** Durable; `fanOut` brings it into the queues. */
  | { readonly type: 'accepted'; readonly acceptedAtMs: number }
  | { readonly type: 'repeated'; readonly acceptedAtMs: number }
  | { readonly type: 'stale-group'; readonly rosterRevision: number; readonly devicesRevision: number }
  /** There is none, or the sender is no member. */
  | { readonly type: 'group-unknown' }
  /** Too many group messages wait for their fan-out. */
  | { readonly type: 'backlog-full' }
  | { readonly type: 'sender-removed' };

export interface FanOutStep {
  /** Devices that got something into their queue by this step, each once; urgent if any of it was. */
  readonly reached: readonly { readonly address: Address; readonly urgent: boolean }[];
  /** There is more to do now. */
  readonly more: boolean;
}

/** Groups, and the way of one ciphertext into every member device's queue. */
export interface GroupStore {
  /** The first roster (revision 1) with its change; `exists` when the id is taken. */
  createGroup(group: GroupRecord, change: GroupChangeRecord): Promise<GroupPutOutcome>;
  /**
   * Replaces roster and, if given, state, when the stored roster is one revision older; else `stale`. Keeps
   * `changesKept` changes. A roster without members ends the group.
   */
  changeGroup(
    roster: GroupRoster,
    sealedState: Bytes | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): Promise<GroupPutOutcome>;
  group(groupId: GroupId): Promise<GroupRecord | undefined>;
  /** Of every member account that has one. */
  memberDevices(groupId: GroupId): Promise<readonly MemberDevices[]>;
  /** In order, those kept that are newer than `sinceRevision`: as many as fit into `bytesMax`, the first in any case. */
  groupChanges(groupId: GroupId, sinceRevision: number, bytesMax: number): Promise<readonly GroupChangeRecord[]>;
  /** Durable before it resolves, for the whole group or not at all. Repeats are known by sender device, message id and group. */
  acceptGroupMessage(message: NewGroupMessage): Promise<GroupAcceptOutcome>;
  /**
   * One batch of the oldest accepted group messages: puts them into up to `devicesMax` queues, into each once over
   * crashes too, one group's messages (urgent ones apart) in the order in which they were accepted. Members' devices
   * are those of this moment, without the sending one. Full queues and accounts that blocked the sender are passed
   * over. `node` holds the lease of a group's work for `leaseMs` where several nodes share the store.
   */
  fanOut(step: {
    readonly node: string;
    readonly leaseMs: number;
    readonly devicesMax: number;
    readonly limits: QueueLimits;
    readonly nowMs: number;
  }): Promise<FanOutStep>;
}

/** Devices of an account, and what belongs to them. Groups of an account whose devices change get a new devices revision. */
export interface DeviceStore {
  /** Adds a device with the list that names it: both, or neither. */
  linkDevice(
    accountId: AccountId,
    device: NewDevice,
    list: DeviceListRecord,
    devicesMax: number,
    nowMs: number,
  ): Promise<LinkOutcome>;
  /** With its queue, prekeys and push targets. With a list: that one is put in place, under the rules of linkDevice. */
  removeDevice(address: Address, list: DeviceListRecord | undefined): Promise<RemoveOutcome>;
  devices(accountId: AccountId): Promise<readonly DeviceRecord[]>;
  /** Last seen, of the device and its account; need not survive a crash. */
  seen(address: Address, atMs: number): Promise<void>;
  lastSeenMs(accountId: AccountId): Promise<number>;
  /** Default: key-holders without a key. */
  privacy(accountId: AccountId): Promise<PrivacyRecord>;
  setPrivacy(accountId: AccountId, privacy: PrivacyRecord): Promise<void>;
  /** False when `max` are blocked already. What a blocked account sends is answered as stored, and is not. */
  setBlocked(accountId: AccountId, other: AccountId, blocked: boolean, max: number): Promise<boolean>;
  blocked(accountId: AccountId): Promise<readonly AccountId[]>;
  isBlocked(accountId: AccountId, by: AccountId): Promise<boolean>;
  /** One a service and device; without a target it is taken away. */
  setPushTarget(address: Address, service: PushServiceName, target: PushTarget | undefined): Promise<void>;
  pushTargets(address: Address): Promise<readonly PushTarget[]>;
  /** Only if it still is this token: a device may have a new one meanwhile. */
  dropPushTarget(address: Address, service: PushServiceName, token: string): Promise<void>;
}

export interface MessagingStore extends DeviceStore, GroupStore {
  /**
   * Creates the account of the handle, or replaces all devices of the one there is, with their queues, prekeys, push
   * targets and device list. Device ids are never used again.
   */
  registerDevice(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice>;
  accountByHandle(handle: Handle): Promise<AccountRecord | undefined>;
  accountById(accountId: AccountId): Promise<AccountRecord | undefined>;
  device(address: Address): Promise<DeviceLookup>;
  /** Returns how many one-time prekeys are held afterwards, never more than `max`; undefined for no such device. */
  publishPrekeys(address: Address, update: PrekeyUpdate, max: PrekeyCounts): Promise<PrekeyCounts | undefined>;
  /** One bundle for each named device that exists (none named: for all); undefined for no such account. */
  takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<AccountBundles | undefined>;
  /**
   * For every device of the recipient (but the sender itself), or for none. What the recipient has blocked is
   * answered and remembered as stored, and is not.
   */
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
