// A group's roster and the steps that change it, as the server carries them out
// and every member checks them: one function, so that both sides agree on what
// a change is. Pure; signatures are checked by who has the keys.
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8 } from './bytes.ts';
import { ProtocolError } from './errors.ts';
import type { AccountId, GroupId } from './ids.ts';
import { LIMITS } from './limits.ts';

export type GroupRoleName = 'member' | 'admin';

export interface GroupRoster {
  readonly groupId: GroupId;
  readonly revision: number;
  readonly members: ReadonlyMap<AccountId, GroupRoleName>;
}

export interface GroupRosterChange {
  readonly groupId: GroupId;
  readonly revision: number;
  readonly previousDigest: Uint8Array;
  readonly put: readonly { readonly accountId: AccountId; readonly role: GroupRoleName }[];
  readonly removed: readonly AccountId[];
  readonly changesState: boolean;
}

/**
 * SHA-256 of the roster in its one canonical form: ids and roles have fixed
 * alphabets without space or newline, so no two rosters share a text.
 */
export function groupRosterDigest(roster: GroupRoster): Uint8Array<ArrayBuffer> {
  const lines = [...roster.members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([id, role]) => `${id} ${role}\n`);
  const head = `carillon group roster v1\n${roster.groupId} ${roster.revision}\n`;
  return new Uint8Array(sha256(concatBytes(utf8(head), utf8(lines.join('')))));
}

/**
 * The roster after a change that `by` made. The first change makes the group,
 * with its maker as an administrator. Administrators may do everything, members
 * may leave and change nothing else. When the last administrator leaves or steps
 * down, the member with the lowest account id becomes one: the same everywhere.
 * An outsider learns nothing of the group, not even its revision.
 * @throws ProtocolError `group-unknown`, `group-change-invalid`, `stale-group`, `group-forbidden`, `group-full`
 */
export function applyGroupChange(
  before: GroupRoster | undefined,
  change: GroupRosterChange,
  by: AccountId,
): GroupRoster {
  const named = [...change.put.map(({ accountId }) => accountId), ...change.removed];
  if (new Set(named).size !== named.length) throw new ProtocolError('group-change-invalid');
  if (!before) return created(change, by);
  if (change.groupId !== before.groupId) throw new ProtocolError('group-change-invalid');
  const role = before.members.get(by);
  if (role === undefined) throw new ProtocolError('group-unknown');
  if (change.revision !== before.revision + 1) throw new ProtocolError('stale-group');
  if (!isDigestOf(before, change.previousDigest)) throw new ProtocolError('group-change-invalid');
  if (role !== 'admin' && !isLeaving(change, by)) throw new ProtocolError('group-forbidden');
  if (named.length === 0 && !change.changesState) throw new ProtocolError('group-change-invalid');
  if (!change.removed.every((accountId) => before.members.has(accountId)))
    throw new ProtocolError('group-change-invalid');
  const members = new Map(before.members);
  for (const accountId of change.removed) members.delete(accountId);
  for (const { accountId, role: given } of change.put) members.set(accountId, given);
  return bounded({ groupId: before.groupId, revision: change.revision, members: withAdmin(members) });
}

function isDigestOf(roster: GroupRoster, digest: Uint8Array): boolean {
  return digest.length === 32 && groupRosterDigest(roster).every((byte, index) => byte === digest[index]);
}

/** What a member who is no administrator may do. */
function isLeaving(change: GroupRosterChange, by: AccountId): boolean {
  return change.put.length === 0 && change.removed.length === 1 && change.removed[0] === by && !change.changesState;
}

function created(change: GroupRosterChange, by: AccountId): GroupRoster {
  const members = new Map(change.put.map(({ accountId, role }) => [accountId, role] as const));
  const isFirst = change.revision === 1 && change.previousDigest.length === 0 && change.removed.length === 0;
  if (!isFirst || members.get(by) !== 'admin') throw new ProtocolError('group-change-invalid');
  return bounded({ groupId: change.groupId, revision: 1, members });
}

function withAdmin(members: Map<AccountId, GroupRoleName>): Map<AccountId, GroupRoleName> {
  if (members.size === 0 || [...members.values()].includes('admin')) return members;
  const [heir] = [...members.keys()].sort();
  return members.set(heir!, 'admin');
}

function bounded(roster: GroupRoster): GroupRoster {
  if (roster.members.size > LIMITS.groupMembersMax) throw new ProtocolError('group-full');
  return roster;
}
