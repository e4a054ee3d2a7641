// The adapter of the store port for many nodes: Redis, or a Redis Cluster. Every
// step is a script in one slot; what spans slots is ordered so that a crash in
// between is made good by a repeat or by the sweeper. How durable a write is, is
// up to Redis: appendfsync, and the replicas it waits for.
import type { AccountId, Address, DeviceId, GroupId, GroupRoster, Handle } from '@carillon/protocol';
import type { LuaScript, RedisLink } from '@carillon/service/redis';
import type {
  AccountBundles,
  AccountRecord,
  DeviceListRecord,
  DeviceLookup,
  DeviceRecord,
  EnqueueOutcome,
  FanOutStep,
  GroupAcceptOutcome,
  GroupChangeRecord,
  GroupPutOutcome,
  GroupRecord,
  LinkOutcome,
  MemberDevices,
  MessagingStore,
  NewDevice,
  NewGroupMessage,
  NewMessage,
  PageQuery,
  PrekeyCounts,
  PrekeyUpdate,
  PrivacyRecord,
  PushServiceName,
  PushTarget,
  QueuedEnvelope,
  QueueLimits,
  RegisteredDevice,
  RemoveOutcome,
  SweepLimits,
} from '../../core/messagingStore.ts';
import { ACCOUNT_SCRIPTS } from './accountScripts.ts';
import { GROUP_SCRIPTS } from './groupScripts.ts';
import { accountKey } from './keys.ts';
import { RedisDevices } from './redisDevices.ts';
import { type FanOutRequest, RedisFanOut } from './redisFanOut.ts';
import { RedisGroups } from './redisGroups.ts';
import { INDEX_SCRIPTS, RedisIndex } from './redisIndex.ts';
import { QUEUE_SCRIPTS, RedisQueues } from './redisQueues.ts';
import { RedisSettings } from './redisSettings.ts';

export const STORE_SCRIPTS: readonly LuaScript[] = [
  ...ACCOUNT_SCRIPTS,
  ...QUEUE_SCRIPTS,
  ...GROUP_SCRIPTS,
  ...INDEX_SCRIPTS,
];

export interface RedisStoreOptions {
  readonly link: RedisLink;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class RedisStore implements MessagingStore {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;
  readonly #devices: RedisDevices;
  readonly #queues: RedisQueues;
  readonly #settings: RedisSettings;
  readonly #groups: RedisGroups;
  readonly #fanOut: RedisFanOut;

  private constructor({ link, now }: RedisStoreOptions) {
    this.#link = link;
    this.#index = new RedisIndex(link, (accountId) => this.#devices.tellGroups(accountId));
    this.#groups = new RedisGroups(link);
    this.#devices = new RedisDevices({
      link,
      index: this.#index,
      now,
      touchGroups: (accountId, groupIds) => this.#groups.touch(accountId, groupIds),
    });
    this.#queues = new RedisQueues(link, this.#index);
    this.#settings = new RedisSettings(link);
    this.#fanOut = new RedisFanOut(link, this.#index);
  }

  /** The link stays open when the store is closed. */
  static async open(options: RedisStoreOptions): Promise<RedisStore> {
    // Known beforehand, scripts are run in the order in which they are sent.
    await options.link.load(STORE_SCRIPTS);
    return new RedisStore(options);
  }

  registerDevice(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
    return this.#devices.register(handle, newAccountId, device, nowMs);
  }

  linkDevice(
    accountId: AccountId,
    device: NewDevice,
    list: DeviceListRecord,
    devicesMax: number,
    nowMs: number,
  ): Promise<LinkOutcome> {
    return this.#devices.link(accountId, device, list, devicesMax, nowMs);
  }

  removeDevice(address: Address, list: DeviceListRecord | undefined): Promise<RemoveOutcome> {
    return this.#devices.remove(address, list);
  }

  devices(accountId: AccountId): Promise<readonly DeviceRecord[]> {
    return this.#devices.devices(accountId);
  }

  accountByHandle(handle: Handle): Promise<AccountRecord | undefined> {
    return this.#devices.byHandle(handle);
  }

  accountById(accountId: AccountId): Promise<AccountRecord | undefined> {
    return this.#devices.byId(accountId);
  }

  device(address: Address): Promise<DeviceLookup> {
    return this.#devices.lookup(address);
  }

  publishPrekeys(address: Address, update: PrekeyUpdate, max: PrekeyCounts): Promise<PrekeyCounts | undefined> {
    return this.#devices.publish(address, update, max);
  }

  takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<AccountBundles | undefined> {
    return this.#devices.takeBundles(accountId, deviceIds);
  }

  async enqueue(message: NewMessage, limits: QueueLimits): Promise<EnqueueOutcome> {
    // The sender is in another slot. One removed in this moment is cut at once.
    if (!(await this.#isPresent(message.from))) return { type: 'sender-removed' };
    return this.#queues.enqueue(message, limits);
  }

  page(address: Address, query: PageQuery): Promise<readonly QueuedEnvelope[]> {
    return this.#queues.page(address, query);
  }

  acknowledge(address: Address, seqs: readonly number[]): Promise<void> {
    return this.#queues.acknowledge(address, seqs);
  }

  createGroup(group: GroupRecord, change: GroupChangeRecord): Promise<GroupPutOutcome> {
    return this.#groups.create(group, change);
  }

  changeGroup(
    roster: GroupRoster,
    sealedState: Uint8Array | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): Promise<GroupPutOutcome> {
    return this.#groups.change(roster, sealedState, change, changesKept);
  }

  group(groupId: GroupId): Promise<GroupRecord | undefined> {
    return this.#groups.record(groupId);
  }

  memberDevices(groupId: GroupId): Promise<readonly MemberDevices[]> {
    return this.#groups.memberDevices(groupId);
  }

  groupChanges(groupId: GroupId, sinceRevision: number): Promise<readonly GroupChangeRecord[]> {
    return this.#groups.changes(groupId, sinceRevision);
  }

  async acceptGroupMessage(message: NewGroupMessage): Promise<GroupAcceptOutcome> {
    if (!(await this.#isPresent(message.from))) return { type: 'sender-removed' };
    return this.#fanOut.accept(message);
  }

  fanOut(step: FanOutRequest): Promise<FanOutStep> {
    return this.#fanOut.step(step);
  }

  seen(address: Address, atMs: number): Promise<void> {
    return this.#settings.seen(address, atMs);
  }

  lastSeenMs(accountId: AccountId): Promise<number> {
    return this.#settings.lastSeenMs(accountId);
  }

  privacy(accountId: AccountId): Promise<PrivacyRecord> {
    return this.#settings.privacy(accountId);
  }

  setPrivacy(accountId: AccountId, privacy: PrivacyRecord): Promise<void> {
    return this.#settings.setPrivacy(accountId, privacy);
  }

  setBlocked(accountId: AccountId, other: AccountId, blocked: boolean, max: number): Promise<boolean> {
    return this.#settings.setBlocked(accountId, other, blocked, max);
  }

  blocked(accountId: AccountId): Promise<readonly AccountId[]> {
    return this.#settings.blocked(accountId);
  }

  isBlocked(accountId: AccountId, by: AccountId): Promise<boolean> {
    return this.#settings.isBlocked(accountId, by);
  }

  setPushTarget(address: Address, service: PushServiceName, target: PushTarget | undefined): Promise<void> {
    return this.#settings.setPushTarget(address, service, target);
  }

  pushTargets(address: Address): Promise<readonly PushTarget[]> {
    return this.#settings.pushTargets(address);
  }

  dropPushTarget(address: Address, service: PushServiceName, token: string): Promise<void> {
    return this.#settings.dropPushTarget(address, service, token);
  }

  sweep(limits: SweepLimits): Promise<boolean> {
    return this.#index.sweep(limits);
  }

  problem(): string | undefined {
    return this.#link.problem();
  }

  async close(): Promise<void> {}

  async #isPresent({ accountId, deviceId }: Address): Promise<boolean> {
    const key = `${accountKey(accountId)}:d:${deviceId}`;
    return (await this.#link.command(key, ['EXISTS', key])) === 1;
  }
}
