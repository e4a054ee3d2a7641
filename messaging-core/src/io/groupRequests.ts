// Groups: the server carries out what their members have signed.
import { fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Address,
  applyGroupChange,
  type ChangeGroupRequest,
  type CreateGroupRequest,
  type FetchGroupRequest,
  type GroupId,
  type GroupSchema,
  groupChangeProof,
  LIMITS,
  membersOnWire,
  ProtocolError,
  type ReadGroupChange,
  readGroupChange,
  type SignedGroupChange,
  SignedGroupChangeSchema,
} from '@carillon/protocol';
import { CHANGES_BYTES_MAX, isSameChange } from '../core/groupChanges.ts';
import type { GroupChangeRecord, GroupRecord, MessagingStore } from '../core/messagingStore.ts';
import { verifyEd25519 } from '../core/publicKeys.ts';
import { checkedGroupId } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import { RateLimits } from './rateLimits.ts';
import type { Reply } from './requests.ts';
import { staleGroup } from './sendRequests.ts';

type GroupInit = Omit<MessageInitShape<typeof GroupSchema>, '$typeName' | '$unknown'>;

const DAY_S = 24 * 3600;
/** Roster changes of one account in all its groups, new groups too: a roster is up to 60 KB to store, and every member fetches it. */
const CHANGES = { perSecond: 1, burst: 60 };
/** Fetches of one account: each may be a few hundred kilobytes. */
const FETCHES = { perSecond: 5, burst: 200 };

export interface GroupRequestsOptions {
  readonly store: MessagingStore;
  /** Groups an account may make a day, all at once if it likes. */
  readonly groupsPerDayPerAccount: number;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class GroupRequests {
  readonly #options: GroupRequestsOptions;
  readonly #creations: RateLimits;
  readonly #changes = new RateLimits(CHANGES);
  readonly #fetches = new RateLimits(FETCHES);

  constructor(options: GroupRequestsOptions) {
    this.#options = options;
    const perDay = options.groupsPerDayPerAccount;
    this.#creations = new RateLimits({ perSecond: perDay / DAY_S, burst: perDay });
  }

  /** Once only, however often it is asked. @throws ProtocolError */
  async create({ address }: DeviceConnection, request: CreateGroupRequest): Promise<Reply> {
    const { store, now } = this.#options;
    this.#changes.take(address.accountId, now());
    const { read, record } = await this.#signedBy(address, request.change);
    const { groupId } = read.change;
    const roster = applyGroupChange(undefined, read.change, address.accountId);
    if (await this.#isCarriedOut(groupId, record)) return reply(await this.#groupOf(address, groupId));
    this.#creations.take(address.accountId, now());
    const group: GroupRecord = { roster, devicesRevision: 1, sealedState: read.sealedState ?? new Uint8Array() };
    const outcome = await store.createGroup(group, record);
    if (outcome !== 'stored') {
      if (await this.#isCarriedOut(groupId, record)) return reply(await this.#groupOf(address, groupId));
      // The id is another group's: ids are 16 random bytes, so nobody meets one by chance.
      throw new ProtocolError('group-change-invalid');
    }
    return reply((await store.group(groupId)) ?? group);
  }

  /** @throws ProtocolError */
  async change({ address }: DeviceConnection, request: ChangeGroupRequest): Promise<Reply> {
    const { store, now } = this.#options;
    // Before anything is read: a signature, and the names of a thousand members, take milliseconds.
    this.#changes.take(address.accountId, now());
    const { read, record } = await this.#signedBy(address, request.change);
    const { groupId, revision } = read.change;
    const before = await this.#groupOf(address, groupId);
    if (revision <= before.roster.revision && (await this.#isCarriedOut(groupId, record))) return reply(before);
    if (revision !== before.roster.revision + 1) throw stale(before);
    const roster = applyGroupChange(before.roster, read.change, address.accountId);
    const outcome = await store.changeGroup(roster, read.sealedState, record, LIMITS.groupChangesKeptMax);
    if (outcome === 'stale') return this.#outrun(address, groupId, record);
    if (outcome !== 'stored') throw new ProtocolError('group-unknown');
    // Who has left is told the group as they left it.
    const { devicesRevision } = (await store.group(groupId)) ?? before;
    return reply({ roster, devicesRevision, sealedState: read.sealedState ?? before.sealedState });
  }

  /** @throws ProtocolError */
  async fetch({ address }: DeviceConnection, request: FetchGroupRequest): Promise<Reply> {
    const { store, now } = this.#options;
    const groupId = checkedGroupId(request.groupId);
    this.#fetches.take(address.accountId, now());
    // Before the devices: those said are never older than the revision they are said with.
    const group = await this.#groupOf(address, groupId);
    const [devices, changes] = await Promise.all([
      store.memberDevices(groupId),
      store.groupChanges(groupId, request.sinceRevision, CHANGES_BYTES_MAX),
    ]);
    return reply(group, {
      devices: devices
        .filter(({ accountId }) => group.roster.members.has(accountId))
        .map(({ accountId, deviceIds }) => ({ accountId, deviceIds: [...deviceIds] })),
      changes: changes
        .filter(({ revision }) => revision <= group.roster.revision)
        .map(({ signedChange }) => fromBinary(SignedGroupChangeSchema, signedChange)),
    });
  }

  /** Another change came in between; it may have been this very one. @throws ProtocolError */
  async #outrun(asker: Address, groupId: GroupId, record: GroupChangeRecord): Promise<Reply> {
    const group = await this.#groupOf(asker, groupId);
    if (await this.#isCarriedOut(groupId, record)) return reply(group);
    throw stale(group);
  }

  /** @throws ProtocolError */
  async #signedBy(
    asker: Address,
    signed: SignedGroupChange | undefined,
  ): Promise<{ read: ReadGroupChange; record: GroupChangeRecord }> {
    const read = readGroupChange(signed);
    if (read.by.accountId !== asker.accountId) throw new ProtocolError('forbidden');
    const device = await this.#options.store.device(read.by);
    if (device.type !== 'present') throw new ProtocolError('device-unknown');
    if (!verifyEd25519(device.identityKey, groupChangeProof(read.signedBytes), read.signature))
      throw new ProtocolError('signature-invalid');
    const signedChange = toBinary(SignedGroupChangeSchema, signed!);
    return { read, record: { revision: read.change.revision, signedChange } };
  }

  /** Who is no member learns no more than that. @throws ProtocolError `group-unknown` */
  async #groupOf(asker: Address, groupId: GroupId): Promise<GroupRecord> {
    const group = await this.#options.store.group(groupId);
    if (!group?.roster.members.has(asker.accountId)) throw new ProtocolError('group-unknown');
    return group;
  }

  async #isCarriedOut(groupId: GroupId, record: GroupChangeRecord): Promise<boolean> {
    const [kept] = await this.#options.store.groupChanges(groupId, record.revision - 1, 0);
    return isSameChange(kept, record);
  }
}

function stale({ roster, devicesRevision }: GroupRecord): ProtocolError {
  return staleGroup(roster.groupId, roster.revision, devicesRevision);
}

function reply(group: GroupRecord, rest: Pick<GroupInit, 'devices' | 'changes'> = {}): Reply {
  const { roster, devicesRevision, sealedState } = group;
  const revision = {
    groupId: roster.groupId,
    rosterRevision: roster.revision,
    devicesRevision: BigInt(devicesRevision),
  };
  return { body: { case: 'group', value: { revision, members: membersOnWire(roster), sealedState, ...rest } } };
}
