// What this device knows of a group: the roster it has checked itself, and the
// key that opens name and picture.
import type { AccountId, GroupId, GroupRoleName, GroupRoster } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';

export interface GroupRecord {
  readonly groupId: GroupId;
  /** 32 bytes: seals name and picture. */
  readonly key: Uint8Array<ArrayBuffer>;
  readonly revision: number;
  readonly members: readonly (readonly [AccountId, GroupRoleName])[];
  readonly name: string;
  readonly picture: Uint8Array<ArrayBuffer> | undefined;
  /** SHA-256 of their sealed form in the newest change that carried one. */
  readonly stateDigest: Uint8Array<ArrayBuffer>;
  /** False once we have left or were removed. */
  readonly joined: boolean;
  /** Devices of the members, as the server last said; 0 before it was asked. */
  readonly devicesRevision: bigint;
  /** The way from this roster to the server's cannot be checked: a member was asked, and may say what is now. */
  readonly gap?: boolean;
}

const groupKey = (groupId: GroupId) => `group/${groupId}`;

export const readGroup = (tx: StoreTransaction, groupId: GroupId): Promise<GroupRecord | undefined> =>
  tx.get<GroupRecord>('groups', groupKey(groupId));

export const writeGroup = (tx: StoreTransaction, group: GroupRecord): Promise<void> =>
  tx.put('groups', groupKey(group.groupId), group);

export async function listGroups(tx: StoreTransaction): Promise<GroupRecord[]> {
  const rows = await tx.list<GroupRecord>('groups', { from: 'group/', to: 'group0' });
  return rows.map(({ value }) => value);
}

export const rosterOf = ({ groupId, revision, members }: GroupRecord): GroupRoster => ({
  groupId,
  revision,
  members: new Map(members),
});

/** Every device of every member, as the server last said it. */
export interface GroupDevices {
  readonly revision: bigint;
  readonly addresses: readonly string[];
}

const devicesKey = (groupId: GroupId) => `devices/${groupId}`;

export const readDevices = (tx: StoreTransaction, groupId: GroupId): Promise<GroupDevices | undefined> =>
  tx.get<GroupDevices>('groups', devicesKey(groupId));

export const writeDevices = (tx: StoreTransaction, groupId: GroupId, devices: GroupDevices): Promise<void> =>
  tx.put('groups', devicesKey(groupId), devices);

/** With its keys and whatever waited in it. */
export async function forgetGroup(tx: StoreTransaction, groupId: GroupId): Promise<void> {
  await tx.delete('groups', groupKey(groupId));
  await tx.delete('groups', devicesKey(groupId));
  await tx.delete('groups', `chain/${groupId}`);
  for (const kind of ['key', 'wait', 'asked', 'answered']) {
    const rows = await tx.list('groups', { from: `${kind}/${groupId}/`, to: `${kind}/${groupId}0` });
    for (const { key } of rows) await tx.delete('groups', key);
  }
}
