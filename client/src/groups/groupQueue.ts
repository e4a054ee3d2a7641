// What waits in a group: ciphertexts whose key has not come yet, and what this
// device has still to do for it when it is online.
import { type Address, addressKey, type GroupId, type MessageId } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';
import { readGroup } from './groupRecord.ts';

/** Of one sender's device in one group. More: a longer wait for a key is survived; each costs its size in storage. */
const WAITING_PER_SENDER_MAX = 200;
/** Of all together: a member who sends what nobody can open must not fill the disk. */
const WAITING_MAX = 2_000;
/** Of these, in groups that we do not know (yet): so much a stranger may fill, and no more. */
const WAITING_UNKNOWN_MAX = 400;
/** Groups that we do not know of which one device may give us its key. A key may come before its group's invite is checked. */
const EARLY_KEYS_MAX = 32;
const WAITING_AGE_MS_MAX = 30 * 24 * 60 * 60_000;
/** A request that was not answered is repeated after this. */
const ASK_AGAIN_MS = 60 * 60_000;
const ANSWER_AGAIN_MS = 10_000;

export interface Waiting {
  readonly groupId: GroupId;
  readonly from: Address;
  readonly messageId: MessageId;
  readonly ciphertext: Uint8Array;
  readonly acceptedAtMs: number;
  readonly keptAtMs: number;
}

const senderPrefix = (groupId: GroupId, from: Address) => `wait/${groupId}/${addressKey(from)}/`;

export async function keepWaiting(tx: StoreTransaction, waiting: Waiting): Promise<void> {
  const prefix = senderPrefix(waiting.groupId, waiting.from);
  const mine = await tx.list<Waiting>('groups', { from: prefix, to: `${prefix}~` });
  const all = await tx.list<Waiting>('groups', { from: 'wait/', to: 'wait0', limit: WAITING_MAX });
  for (const { key, value } of all) {
    if (waiting.keptAtMs - value.keptAtMs > WAITING_AGE_MS_MAX) await tx.delete('groups', key);
  }
  if (mine.length >= WAITING_PER_SENDER_MAX) await tx.delete('groups', mine[0]!.key);
  else if (all.length >= WAITING_MAX || (await isTooUnknown(tx, waiting, all))) return;
  const time = String(Math.max(0, Math.trunc(waiting.acceptedAtMs))).padStart(15, '0');
  await tx.put('groups', `${prefix}${time}/${waiting.messageId}`, waiting);
}

async function isTooUnknown(
  tx: StoreTransaction,
  { groupId }: Waiting,
  all: readonly { readonly value: Waiting }[],
): Promise<boolean> {
  if (all.length < WAITING_UNKNOWN_MAX || (await readGroup(tx, groupId))) return false;
  let unknown = 0;
  for (const [id, rows] of Map.groupBy(all, ({ value }) => value.groupId)) {
    if (!(await readGroup(tx, id))) unknown += rows.length;
  }
  return unknown >= WAITING_UNKNOWN_MAX;
}

/** True when a key of this device for this group may be kept. */
export async function claimKey(tx: StoreTransaction, groupId: GroupId, from: Address): Promise<boolean> {
  if (await readGroup(tx, groupId)) return true;
  const prefix = `early/${addressKey(from)}/`;
  const rows = await tx.list<GroupId>('groups', { from: prefix, to: `${prefix}~` });
  if (rows.some(({ value }) => value === groupId)) return true;
  let unknown = rows.length;
  for (const { key, value } of rows) {
    if (!(await readGroup(tx, value))) continue;
    await tx.delete('groups', key);
    unknown--;
  }
  if (unknown >= EARLY_KEYS_MAX) return false;
  await tx.put('groups', `${prefix}${groupId}`, groupId);
  return true;
}

/** Takes out what waits, in order; of one sender or of all. */
export async function takeWaiting(tx: StoreTransaction, groupId: GroupId, from?: Address): Promise<Waiting[]> {
  const prefix = from ? senderPrefix(groupId, from) : `wait/${groupId}/`;
  const rows = await tx.list<Waiting>('groups', { from: prefix, to: `${prefix}~` });
  for (const { key } of rows) await tx.delete('groups', key);
  return rows.map(({ value }) => value).sort((a, b) => a.acceptedAtMs - b.acceptedAtMs);
}

/** One device, or all of an account. */
export type Asked = Pick<Address, 'accountId'> & Partial<Address>;

const askedKey = (groupId: GroupId, { accountId, deviceId }: Asked) =>
  `asked/${groupId}/${accountId}.${deviceId ?? 'all'}`;

/** True when this device is to be asked now: once, until it was solved or long ago. */
export async function claimAsk(tx: StoreTransaction, groupId: GroupId, from: Asked, nowMs: number): Promise<boolean> {
  const last = await tx.get<number>('groups', askedKey(groupId, from));
  if (last !== undefined && nowMs - last < ASK_AGAIN_MS) return false;
  await tx.put('groups', askedKey(groupId, from), nowMs);
  return true;
}

/** It has answered. False when it was not asked. */
export async function takeAsked(tx: StoreTransaction, groupId: GroupId, from: Address): Promise<boolean> {
  const wasAsked = (await tx.get('groups', askedKey(groupId, from))) !== undefined;
  if (wasAsked) await tx.delete('groups', askedKey(groupId, from));
  return wasAsked;
}

const answeredKey = (groupId: GroupId, to: Address) => `answered/${groupId}/${addressKey(to)}`;

/** True when this device may be answered now: who asks without end gets no more than this. */
export async function claimAnswer(
  tx: StoreTransaction,
  groupId: GroupId,
  to: Address,
  nowMs: number,
): Promise<boolean> {
  const last = await tx.get<number>('groups', answeredKey(groupId, to));
  if (last !== undefined && Math.abs(nowMs - last) < ANSWER_AGAIN_MS) return false;
  await tx.put('groups', answeredKey(groupId, to), nowMs);
  return true;
}

/** What is to be done with the server, in the order of their keys. */
export type Chore =
  /** Somebody says that we are in this group. */
  | { readonly type: 'join'; readonly groupId: GroupId; readonly from: Address; readonly invite: Uint8Array }
  /** The roster or the state may have changed. */
  | { readonly type: 'sync'; readonly groupId: GroupId }
  /** There are members whose names this device does not know. */
  | { readonly type: 'learn'; readonly groupId: GroupId }
  /** A member lacks our key, or knows the group too little. */
  | { readonly type: 'answer'; readonly groupId: GroupId; readonly to: Address };

export async function addChore(tx: StoreTransaction, chore: Chore): Promise<void> {
  const other = chore.type === 'join' ? chore.from : chore.type === 'answer' ? chore.to : undefined;
  await tx.put('groups', `do/${chore.type}/${chore.groupId}/${other ? addressKey(other) : ''}`, chore);
}

export const listChores = (tx: StoreTransaction, limit: number): Promise<{ key: string; value: Chore }[]> =>
  tx.list<Chore>('groups', { from: 'do/', to: 'do0', limit });
