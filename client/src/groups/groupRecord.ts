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
  /** False once we have left or were removed. */
  readonly joined: boolean;
  /** Devices of the members, as the server last said; 0 before it was asked. */
  readonly devicesRevision: bigint;
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
