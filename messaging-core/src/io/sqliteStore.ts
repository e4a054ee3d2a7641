// The embedded adapter of the store port: SQLite in this process, WAL with
// synchronous FULL. A write's promise resolves after the commit that holds it.
import { DatabaseSync } from 'node:sqlite';
import type { AccountId, Address, DeviceId, GroupId, GroupRoster, Handle } from '@carillon/protocol';
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
} from '../core/messagingStore.ts';
import { GroupCommit } from './groupCommit.ts';
import { SqliteDevices } from './sqliteDevices.ts';
import { SqliteDirectory } from './sqliteDirectory.ts';
import { SqliteFanOut } from './sqliteFanOut.ts';
import { SqliteGroups } from './sqliteGroups.ts';
import { SqlitePrekeys } from './sqlitePrekeys.ts';
import { SqliteQueues } from './sqliteQueues.ts';
import { prepareDatabase } from './sqliteSchema.ts';
import { RememberedSends, SqliteSends } from './sqliteSends.ts';
import { SqliteSettings } from './sqliteSettings.ts';

export class SqliteStore implements MessagingStore {
  readonly #db: DatabaseSync;
  readonly #commits: GroupCommit;
  readonly #parts: ReturnType<typeof parts>;

  /** @param file Path of the database, created if absent. @throws Error in words when it cannot be used */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    try {
      prepareDatabase(this.#db);
      this.#parts = parts(this.#db);
    } catch (error) {
      this.#db.close();
      throw error;
    }
    const { directory, queues, fanOut } = this.#parts;
    this.#commits = new GroupCommit(this.#db, () => {
      directory.undone();
      queues.undone();
      fanOut.undone();
    });
  }

  registerDevice(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
    return this.#commits.write(() => this.#parts.devices.register(handle, newAccountId, device, nowMs));
  }

  linkDevice(
    accountId: AccountId,
    device: NewDevice,
    list: DeviceListRecord,
    devicesMax: number,
    nowMs: number,
  ): Promise<LinkOutcome> {
    return this.#commits.write(() => this.#parts.devices.link(accountId, device, list, devicesMax, nowMs));
  }

  removeDevice(address: Address, list: DeviceListRecord | undefined): Promise<RemoveOutcome> {
    return this.#commits.write(() => this.#parts.devices.remove(address, list));
  }

  async devices(accountId: AccountId): Promise<readonly DeviceRecord[]> {
    return this.#parts.devices.devices(accountId);
  }

  async accountByHandle(handle: Handle): Promise<AccountRecord | undefined> {
    return this.#parts.devices.record(this.#parts.directory.accountOf(handle));
  }

  async accountById(accountId: AccountId): Promise<AccountRecord | undefined> {
    return this.#parts.devices.record(this.#parts.directory.account(accountId));
  }

  async device(address: Address): Promise<DeviceLookup> {
    const { directory, prekeys } = this.#parts;
    const account = directory.account(address.accountId);
    if (!account) return { type: 'unknown' };
    const device = directory.device(address);
    if (!device) return { type: address.deviceId <= account.lastDeviceId ? 'removed' : 'unknown' };
    const counts = prekeys.counts(device.key);
    return {
      type: 'present',
      identityKey: prekeys.identityKey(device.key),
      handle: account.handle,
      oneTimePrekeys: counts.oneTime,
      kemPrekeys: counts.kem,
    };
  }

  publishPrekeys(address: Address, update: PrekeyUpdate, max: PrekeyCounts): Promise<PrekeyCounts | undefined> {
    return this.#commits.write(() => {
      const device = this.#parts.directory.device(address);
      return device && this.#parts.prekeys.publish(device.key, update, max);
    });
  }

  takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<AccountBundles | undefined> {
    return this.#commits.write(() => {
      const { directory, devices, prekeys } = this.#parts;
      const account = directory.account(accountId);
      if (!account) return undefined;
      const bundles = account.devices
        .filter(({ address }) => deviceIds.length === 0 || deviceIds.includes(address.deviceId))
        .map((device) => prekeys.take(device));
      return { bundles, deviceList: devices.list(accountId) };
    });
  }

  enqueue(message: NewMessage, limits: QueueLimits): Promise<EnqueueOutcome> {
    return this.#commits.write(() => this.#parts.sends.enqueue(message, limits));
  }

  async page(address: Address, query: PageQuery): Promise<readonly QueuedEnvelope[]> {
    const device = query.limit > 0 ? this.#parts.directory.device(address) : undefined;
    return device ? this.#parts.queues.page(device.key, query) : [];
  }

  acknowledge(address: Address, seqs: readonly number[]): Promise<void> {
    return this.#commits.write(() => {
      const device = this.#parts.directory.device(address);
      if (device) this.#parts.queues.acknowledge(device.key, seqs);
    });
  }

  createGroup(group: GroupRecord, change: GroupChangeRecord): Promise<GroupPutOutcome> {
    return this.#commits.write(() => this.#parts.groups.create(group, change));
  }

  changeGroup(
    roster: GroupRoster,
    sealedState: Uint8Array | undefined,
    change: GroupChangeRecord,
    changesKept: number,
  ): Promise<GroupPutOutcome> {
    return this.#commits.write(() => this.#parts.groups.change(roster, sealedState, change, changesKept));
  }

  async group(groupId: GroupId): Promise<GroupRecord | undefined> {
    return this.#parts.groups.record(groupId);
  }

  async memberDevices(groupId: GroupId): Promise<readonly MemberDevices[]> {
    return this.#parts.groups.memberDevices(groupId);
  }

  async groupChanges(groupId: GroupId, sinceRevision: number, bytesMax: number): Promise<readonly GroupChangeRecord[]> {
    return this.#parts.groups.changes(groupId, sinceRevision, bytesMax);
  }

  acceptGroupMessage(message: NewGroupMessage): Promise<GroupAcceptOutcome> {
    return this.#commits.write(() => this.#parts.fanOut.accept(message));
  }

  /** One process has the database, so no lease is needed. */
  fanOut(step: { devicesMax: number; limits: QueueLimits; nowMs: number }): Promise<FanOutStep> {
    return this.#commits.write(() => this.#parts.fanOut.step(step.devicesMax, step.limits, step.nowMs));
  }

  seen(address: Address, atMs: number): Promise<void> {
    return this.#commits.write(() => this.#parts.settings.seen(address, atMs));
  }

  async lastSeenMs(accountId: AccountId): Promise<number> {
    return this.#parts.settings.lastSeenMs(accountId);
  }

  async privacy(accountId: AccountId): Promise<PrivacyRecord> {
    return this.#parts.settings.privacy(accountId);
  }

  setPrivacy(accountId: AccountId, privacy: PrivacyRecord): Promise<void> {
    return this.#commits.write(() => this.#parts.settings.setPrivacy(accountId, privacy));
  }

  setBlocked(accountId: AccountId, other: AccountId, blocked: boolean, max: number): Promise<boolean> {
    return this.#commits.write(() => this.#parts.settings.setBlocked(accountId, other, blocked, max));
  }

  async blocked(accountId: AccountId): Promise<readonly AccountId[]> {
    return this.#parts.settings.blocked(accountId);
  }

  async isBlocked(accountId: AccountId, by: AccountId): Promise<boolean> {
    return this.#parts.settings.isBlocked(accountId, by);
  }

  setPushTarget(address: Address, service: PushServiceName, target: PushTarget | undefined): Promise<void> {
    return this.#commits.write(() => this.#parts.settings.setPushTarget(address, service, target));
  }

  async pushTargets(address: Address): Promise<readonly PushTarget[]> {
    return this.#parts.settings.pushTargets(address);
  }

  dropPushTarget(address: Address, service: PushServiceName, token: string): Promise<void> {
    return this.#commits.write(() => this.#parts.settings.dropPushTarget(address, service, token));
  }

  sweep(limits: SweepLimits): Promise<boolean> {
    return this.#commits.write(() => {
      const expired = this.#parts.queues.removeExpired(limits.nowMs);
      const forgotten = this.#parts.remembered.forget(limits);
      return expired || forgotten;
    });
  }

  problem(): string | undefined {
    return this.#commits.problem;
  }

  async close(): Promise<void> {
    if (!this.#db.isOpen) return;
    this.#commits.close();
    this.#db.close();
  }
}

function parts(db: DatabaseSync) {
  const directory = new SqliteDirectory(db);
  const prekeys = new SqlitePrekeys(db);
  const queues = new SqliteQueues(db);
  const settings = new SqliteSettings(db, directory);
  const remembered = new RememberedSends(db);
  const groups = new SqliteGroups(db, directory);
  return {
    directory,
    prekeys,
    queues,
    settings,
    remembered,
    groups,
    devices: new SqliteDevices(db, directory, prekeys, queues),
    sends: new SqliteSends(directory, queues, settings, remembered),
    fanOut: new SqliteFanOut(db, { directory, groups, queues, settings, remembered }),
  };
}
