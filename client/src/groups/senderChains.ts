// Sender Keys in the store: our own chain in each group with who holds it, and
// those of the others.
import {
  acceptDistribution,
  type ChainDistribution,
  type CryptoProvider,
  createSenderChain,
  distributionOf,
  E2eeError,
  type SenderChain,
  type SenderKeyStates,
  senderKeyDecrypt,
  senderKeyEncrypt,
} from '@carillon/messaging-core/e2ee';
import { type Address, addressKey, type GroupId, type SenderKeyDistribution } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';

/** Places in our chain from which somebody holds it, kept to hand it out again when it was lost on the way. */
const HANDOUTS_MAX = 32;

export interface OwnChain {
  readonly chain: SenderChain;
  readonly madeAtMs: number;
  /** By device address: the iteration that they got it at. */
  readonly given: Readonly<Record<string, number>>;
  readonly handouts: readonly ChainDistribution[];
}

const ownKey = (groupId: GroupId) => `chain/${groupId}`;
const theirKey = (groupId: GroupId, from: Address) => `key/${groupId}/${addressKey(from)}`;

export const readOwnChain = (tx: StoreTransaction, groupId: GroupId): Promise<OwnChain | undefined> =>
  tx.get<OwnChain>('groups', ownKey(groupId));

/** A fresh chain that nobody holds. */
export async function rotateOwnChain(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  groupId: GroupId,
  nowMs: number,
): Promise<OwnChain> {
  const own: OwnChain = { chain: createSenderChain(crypto), madeAtMs: nowMs, given: {}, handouts: [] };
  await tx.put('groups', ownKey(groupId), own);
  return own;
}

/** What to hand to who lacks it: from the next message on. */
export async function handOut(tx: StoreTransaction, groupId: GroupId): Promise<ChainDistribution> {
  const own = await readOwnChain(tx, groupId);
  if (!own) throw new Error('handed out without a chain');
  const now = distributionOf(own.chain);
  if (own.handouts.at(-1)?.iteration !== now.iteration) {
    await tx.put('groups', ownKey(groupId), { ...own, handouts: [...own.handouts, now].slice(-HANDOUTS_MAX) });
  }
  return now;
}

/** The server has it for these devices. Not of a chain that was replaced meanwhile. */
export async function noteGiven(
  tx: StoreTransaction,
  groupId: GroupId,
  { chainId, iteration }: ChainDistribution,
  addresses: readonly string[],
): Promise<void> {
  const own = await readOwnChain(tx, groupId);
  if (!own?.chain.chainId.every((byte, i) => byte === chainId[i])) return;
  const given = { ...own.given };
  for (const address of addresses) given[address] ??= iteration;
  await tx.put('groups', ownKey(groupId), { ...own, given } satisfies OwnChain);
}

/** Again what this device got, and no more than that; undefined when it got nothing. */
export async function handedTo(
  tx: StoreTransaction,
  groupId: GroupId,
  address: string,
): Promise<ChainDistribution | undefined> {
  const own = await readOwnChain(tx, groupId);
  const at = own?.given[address];
  if (!own || at === undefined) return undefined;
  return own.handouts.find(({ iteration }) => iteration >= at) ?? distributionOf(own.chain);
}

export async function sealGroupMessage(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  groupId: GroupId,
  sender: Address,
  padded: Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const own = await readOwnChain(tx, groupId);
  if (!own) throw new Error('sealed without a chain');
  const { chain, message } = senderKeyEncrypt(crypto, own.chain, { groupId, sender }, padded);
  await tx.put('groups', ownKey(groupId), { ...own, chain } satisfies OwnChain);
  return message;
}

/** Undefined when the key has not come yet. @throws E2eeError, and nothing has changed */
export async function openGroupMessage(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  groupId: GroupId,
  sender: Address,
  ciphertext: Uint8Array,
): Promise<Uint8Array | undefined> {
  const key = theirKey(groupId, sender);
  const states = (await tx.get<SenderKeyStates>('groups', key)) ?? [];
  try {
    const opened = senderKeyDecrypt(crypto, states, { groupId, sender }, ciphertext);
    await tx.put('groups', key, opened.states);
    return opened.plaintext;
  } catch (error) {
    if (error instanceof E2eeError && error.code === 'no-sender-key') return undefined;
    throw error;
  }
}

/** False when it is no key. */
export async function keepSenderKey(
  tx: StoreTransaction,
  groupId: GroupId,
  from: Address,
  distribution: SenderKeyDistribution,
): Promise<boolean> {
  const key = theirKey(groupId, from);
  const states = (await tx.get<SenderKeyStates>('groups', key)) ?? [];
  try {
    await tx.put('groups', key, acceptDistribution(states, distribution));
    return true;
  } catch (error) {
    if (error instanceof E2eeError) return false;
    throw error;
  }
}
