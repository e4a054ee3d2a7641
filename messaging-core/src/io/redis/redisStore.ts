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
import { type Invalidations, RecordCache } from './recordCache.ts';
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

/** Accounts held, about 700 bytes each, and groups, 60 KB at most. Fewer, and a send to one that is not held reads it first. */
const ACCOUNTS_MAX = 50_000;
const GROUPS_MAX = 500;
/** Changes are told at once; this bounds what a lost word could do. */
const LIFE_MS = 60_000;
const EARLY_MS = 10_000;

export interface RedisStoreOptions {
  readonly link: RedisLink;
  /** Tells what has changed from node to node. */
  readonly invalidations: Invalidations;
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
  readonly #accountCache: RecordCache<AccountRecord>;
  readonly #groupCache: RecordCache<GroupRecord>;

  private constructor({ link, now, invalidations }: RedisStoreOptions) {
    this.#link = link;
    const life = { lifeMs: LIFE_MS, earlyMs: EARLY_MS, invalidations };
    this.#accountCache = new RecordCache({
      ...life,
      prefix: 'a:',
      entriesMax: ACCOUNTS_MAX,
      read: (accountId) => this.#devices.byId(accountId as AccountId),
    });
    this.#groupCache = new RecordCache({
      ...life,
      prefix: 'g:',
      entriesMax: GROUPS_MAX,
      read: (groupId) => this.#groups.record(groupId as GroupId),
    });
    this.#index = new RedisIndex(link, (accountId) => this.#devices.tellGroups(accountId));
    this.#groups = new RedisGroups(link);
    this.#devices = new RedisDevices({
      link,
      index: this.#index,
      now,
      touchGroups: async (accountId, groupIds) => {
        await this.#groups.touch(accountId, groupIds);
        await Promise.all(groupIds.map((groupId) => this.#groupCache.changed(groupId)));
      },
      onChanged: (accountId) => this.#accountCache.changed(accountId),
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

  async accountByHandle(handle: Handle): Promise<AccountRecord | undefined> {
    const accountId = await this.#devices.idOf(handle);
    return accountId && this.#accountCache.get(accountId);
  }

  accountById(accountId: AccountId): Promise<AccountRecord | undefined> {
    return this.#accountCache.get(accountId);
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

  async createGroup(group: GroupRecord, change: GroupChangeRecord): Promise<GroupPutOutcome> {
    const outcome = await this.#groups.create(group, change);
    await this.#groupCache.changed(group.roster.groupId);
    return outcome;
  }

  async changeGroup(
    roster: GroupRoster,
    sealedState: Uint8Array | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): Promise<GroupPutOutcome> {
    const outcome = await this.#groups.change(roster, sealedState, change, changesKept);
    await this.#groupCache.changed(roster.groupId);
    return outcome;
  }

  group(groupId: GroupId): Promise<GroupRecord | undefined> {
    return this.#groupCache.get(groupId);
  }

  async memberDevices(groupId: GroupId): Promise<readonly MemberDevices[]> {
    const group = await this.#groupCache.get(groupId);
    const members = await Promise.all(
      [...(group?.roster.members.keys() ?? [])].sort().map((accountId) => this.#accountCache.get(accountId)),
    );
    return members.flatMap((member) =>
      member && member.deviceIds.length > 0 ? [{ accountId: member.accountId, deviceIds: member.deviceIds }] : [],
    );
  }

  groupChanges(groupId: GroupId, sinceRevision: number, bytesMax: number): Promise<readonly GroupChangeRecord[]> {
    return this.#groups.changes(groupId, sinceRevision, bytesMax);
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
    return (await this.#accountCache.get(accountId))?.deviceIds.includes(deviceId) === true;
  }
}
