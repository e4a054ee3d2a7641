// Where things are in Redis. What one step touches shares a hash tag, so that a
// cluster has it in one slot: scripts get one key, the root, and everything else
// they touch is the root with a suffix.
//
//   carillon:{a:ACCOUNT}            account: handle, devices, list, privacy, last seen, what the index knows
//                      :d:DEVICE    device: identity, signed prekey, last-resort KEM prekey, seq, size of its queue
//                      :p|k:DEVICE  one-time prekeys; one-time KEM prekeys
//                      :o|u:DEVICE  its queue, a stream: ordinary; urgent
//                      :s:DEVICE    what each sender has in its queue
//                      :f:DEVICE    the last message of each group that was brought into its queue
//                      :t:DEVICE    push targets
//                      :r           send ids it was sent (by accepted time)
//                      :b           accounts it has blocked
//                      :g           groups it may be a member of
//   carillon:{h:HANDLE}             the account of a handle
//   carillon:{g:GROUP}              group: revisions, sealed state, message number, fan-out cursors
//                     :m, :l        roles; members in order
//                     :c            changes (by revision)
//                     :r            send ids
//                     :o|u          messages that wait for their fan-out
//   carillon:{x:N}:e|r              index of roots by the first expiry; by the oldest send id
//   carillon:{w:N}:o|u              groups with something to fan out, by when a node may take them
import { createHash } from 'node:crypto';
import type { AccountId, Address, GroupId, Handle } from '@carillon/protocol';

/** Index slots: a sweep asks each; more spread the index over more nodes of a cluster. */
const INDEX_SLOTS = 16;
/** As above, asked for with every step of the fan-out. */
const WORK_SLOTS = 4;

export type Lane = 'o' | 'u';
/** The tag of an account or a group, as the index knows it. */
export type Root = `a:${AccountId}` | `g:${GroupId}`;

export const rootKey = (root: Root) => `carillon:{${root}}`;
export const accountKey = (accountId: AccountId) => rootKey(`a:${accountId}`);
export const groupKey = (groupId: GroupId) => rootKey(`g:${groupId}`);
export const handleKey = (handle: Handle) => `carillon:{h:${handle}}`;
export const laneKey = ({ accountId, deviceId }: Address, lane: Lane) => `${accountKey(accountId)}:${lane}:${deviceId}`;
export const laneOf = (urgent: boolean): Lane => (urgent ? 'u' : 'o');

const slotOf = (id: string, slots: number) => createHash('sha1').update(id).digest()[0]! % slots;
export const indexKey = (root: Root) => `carillon:{x:${slotOf(root, INDEX_SLOTS)}}`;
export const indexKeys = Array.from({ length: INDEX_SLOTS }, (_, i) => `carillon:{x:${i}}`);
export const workKey = (groupId: GroupId) => `carillon:{w:${slotOf(groupId, WORK_SLOTS)}}`;
export const workKeys = Array.from({ length: WORK_SLOTS }, (_, i) => `carillon:{w:${i}}`);
