// Changes and rosters of a group off the wire and onto it: server and members
// read a change the same way before they apply it.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type GroupChange,
  GroupChangeSchema,
  type GroupMember,
  GroupRole,
  type SignedGroupChange,
} from '../gen/carillon/v1/messaging_pb.js';
import { ProtocolError } from './errors.ts';
import type { GroupRoleName, GroupRoster, GroupRosterChange } from './groups.ts';
import { type AccountId, type Address, accountIdSchema, deviceIdSchema, groupIdSchema } from './ids.ts';
import { LIMITS } from './limits.ts';

const REVISION_MAX = 2 ** 32 - 1;
const DIGEST_BYTES = 32;
const SIGNATURE_BYTES = 64;

/** A change as its maker signed it, read and within bounds; the signature is not checked yet. */
export interface ReadGroupChange {
  readonly change: GroupRosterChange;
  /** Undefined: as before. */
  readonly sealedState: Uint8Array | undefined;
  readonly madeAtMs: number;
  readonly by: Address;
  /** What `signature` has to be good for, by `groupChangeProof`. */
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
}

/** @throws ProtocolError `group-change-invalid` */
export function readGroupChange(signed: SignedGroupChange | undefined): ReadGroupChange {
  if (!signed?.by || signed.signature.length !== SIGNATURE_BYTES) throw invalid();
  const read = decoded(signed.change);
  if (read.previousDigest.length !== 0 && read.previousDigest.length !== DIGEST_BYTES) throw invalid();
  if (read.rosterRevision < 1 || read.madeAtMs > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid();
  if (read.sealedState.length > LIMITS.groupStateBytesMax) throw invalid();
  if (read.put.length > LIMITS.groupMembersMax || read.removedAccountIds.length > LIMITS.groupMembersMax)
    throw invalid();
  return {
    change: {
      groupId: parsed(groupIdSchema.safeParse(read.groupId)),
      revision: read.rosterRevision,
      previousDigest: read.previousDigest,
      put: read.put.map(readMember),
      removed: read.removedAccountIds.map(readAccountId),
      changesState: read.sealedState.length > 0,
    },
    sealedState: read.sealedState.length > 0 ? read.sealedState : undefined,
    madeAtMs: Number(read.madeAtMs),
    by: {
      accountId: readAccountId(signed.by.accountId),
      deviceId: parsed(deviceIdSchema.safeParse(signed.by.deviceId)),
    },
    signedBytes: signed.change,
    signature: signed.signature,
  };
}

/** The bytes that the maker of a change signs (`groupChangeProof`) and sends. */
export function groupChangeBytes(
  change: GroupRosterChange,
  sealedState: Uint8Array | undefined,
  madeAtMs: number,
): Uint8Array<ArrayBuffer> {
  if (change.changesState !== (sealedState !== undefined && sealedState.length > 0))
    throw new TypeError('changesState must say whether there is a sealed state');
  const message = create(GroupChangeSchema, {
    groupId: change.groupId,
    rosterRevision: change.revision,
    previousDigest: change.previousDigest,
    put: change.put.map(({ accountId, role }) => ({ accountId, role: roleOnWire(role) })),
    removedAccountIds: [...change.removed],
    sealedState: sealedState ?? new Uint8Array(),
    madeAtMs: BigInt(madeAtMs),
  });
  return toBinary(GroupChangeSchema, message) as Uint8Array<ArrayBuffer>;
}

/** The roster that a server's `Group` claims. @throws ProtocolError `group-change-invalid` */
export function readGroupRoster(groupId: string, revision: number, members: readonly GroupMember[]): GroupRoster {
  if (revision < 1 || revision > REVISION_MAX || members.length > LIMITS.groupMembersMax) throw invalid();
  const read = new Map(members.map(readMember).map(({ accountId, role }) => [accountId, role]));
  if (read.size !== members.length) throw invalid();
  return { groupId: parsed(groupIdSchema.safeParse(groupId)), revision, members: read };
}

export function membersOnWire(roster: GroupRoster): { accountId: AccountId; role: GroupRole }[] {
  return [...roster.members].map(([accountId, role]) => ({ accountId, role: roleOnWire(role) }));
}

function decoded(bytes: Uint8Array): GroupChange {
  try {
    return fromBinary(GroupChangeSchema, bytes);
  } catch (cause) {
    throw new ProtocolError('group-change-invalid', { cause });
  }
}

function readMember({ accountId, role }: GroupMember): { accountId: AccountId; role: GroupRoleName } {
  return { accountId: readAccountId(accountId), role: readRole(role) };
}

function readAccountId(text: string): AccountId {
  return parsed(accountIdSchema.safeParse(text));
}

function readRole(role: GroupRole): GroupRoleName {
  if (role === GroupRole.MEMBER) return 'member';
  if (role === GroupRole.ADMIN) return 'admin';
  throw invalid();
}

function roleOnWire(role: GroupRoleName): GroupRole {
  return role === 'admin' ? GroupRole.ADMIN : GroupRole.MEMBER;
}

function parsed<T>(result: { success: true; data: T } | { success: false; error: unknown }): T {
  if (result.success) return result.data;
  throw new ProtocolError('group-change-invalid', { cause: result.error });
}

function invalid(): ProtocolError {
  return new ProtocolError('group-change-invalid');
}
