// A group as its members see it: changes signed with real keys, revisions kept
// as the server tells them.
import { sign } from 'node:crypto';
import {
  type AccountId,
  type Group,
  type GroupId,
  type GroupRoleName,
  type GroupRoster,
  type GroupRosterChange,
  groupChangeBytes,
  groupChangeProof,
  groupRosterDigest,
  readGroupRoster,
} from '@carillon/protocol';
import { messageId, type TestDevice } from './testDevice.ts';
import type { TestSocket } from './testSocket.ts';

export interface SignedChange {
  readonly change: Uint8Array;
  readonly by: { readonly accountId: string; readonly deviceId: number };
  readonly signature: Uint8Array;
}

export function newGroupId(): GroupId {
  return `g${messageId()}` as GroupId;
}

export function creation(by: TestDevice, others: readonly TestDevice[], groupId = newGroupId()): GroupRosterChange {
  const put = [
    { accountId: by.accountId, role: 'admin' as GroupRoleName },
    ...others.map(({ accountId }) => ({ accountId, role: 'member' as GroupRoleName })),
  ];
  return { groupId, revision: 1, previousDigest: new Uint8Array(), put, removed: [], changesState: false };
}

export function nextChange(before: GroupRoster, step: Partial<GroupRosterChange>): GroupRosterChange {
  return {
    groupId: before.groupId,
    revision: before.revision + 1,
    previousDigest: groupRosterDigest(before),
    put: [],
    removed: [],
    changesState: false,
    ...step,
  };
}

export function member(device: { accountId: AccountId }, role: GroupRoleName = 'member') {
  return { accountId: device.accountId, role };
}

export function signed(by: TestDevice, change: GroupRosterChange, state?: Uint8Array): SignedChange {
  const bytes = groupChangeBytes(change, state, 1_700_000_000_000);
  return { change: bytes, by: by.address, signature: sign(null, groupChangeProof(bytes), by.identity.privateKey) };
}

export async function createGroup(
  socket: TestSocket,
  by: TestDevice,
  others: readonly TestDevice[],
): Promise<GroupRoster> {
  const change = signed(by, creation(by, others));
  return rosterOf(await socket.request({ case: 'createGroup', value: { change } }, 'group'));
}

/** Makes the change and returns the roster after it. */
export async function changeGroup(
  socket: TestSocket,
  by: TestDevice,
  before: GroupRoster,
  step: Partial<GroupRosterChange>,
  state?: Uint8Array,
): Promise<GroupRoster> {
  const change = signed(by, nextChange(before, { ...step, changesState: state !== undefined }), state);
  return rosterOf(await socket.request({ case: 'changeGroup', value: { change } }, 'group'));
}

export function fetchGroup(socket: TestSocket, groupId: string, sinceRevision = 0): Promise<Group> {
  return socket.request({ case: 'fetchGroup', value: { groupId, sinceRevision } }, 'group');
}

export function rosterOf({ revision, members }: Group): GroupRoster {
  return readGroupRoster(revision!.groupId, revision!.rosterRevision, members);
}

export interface GroupSendOptions {
  readonly messageId?: string;
  readonly ciphertext?: Uint8Array;
  readonly urgent?: boolean;
  readonly ephemeral?: boolean;
  readonly expiresAtMs?: number;
}

/** With the revisions that a member would know. */
export async function groupSend(socket: TestSocket, groupId: string, options: GroupSendOptions = {}): Promise<number> {
  const { revision } = await fetchGroup(socket, groupId, 2 ** 31);
  const value = groupSendRequest(revision!, options);
  return Number((await socket.request({ case: 'groupSend', value }, 'sent')).acceptedAtMs);
}

export function groupSendRequest(
  revision: { groupId: string; rosterRevision: number; devicesRevision: bigint },
  options: GroupSendOptions = {},
) {
  return {
    groupId: revision.groupId,
    rosterRevision: revision.rosterRevision,
    devicesRevision: revision.devicesRevision,
    messageId: options.messageId ?? messageId(),
    ciphertext: options.ciphertext ?? new Uint8Array([1, 2, 3]),
    urgent: options.urgent ?? false,
    ephemeral: options.ephemeral ?? false,
    expiresAtMs: BigInt(options.expiresAtMs ?? 0),
  };
}

export function newAccountId(): AccountId {
  return messageId() as unknown as AccountId;
}
