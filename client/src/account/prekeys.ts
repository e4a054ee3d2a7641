// The prekeys others start sessions with while this device is away: one signed
// prekey that changes weekly, and a stock of one-time ones (X3DH §2.4, §3.2).

import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  createOneTimePrekeys,
  createSignedPrekey,
  type Identity,
  type OneTimePrekeyPair,
  type PrekeyLookup,
  type SignedPrekeyPair,
} from '@carillon/messaging-core/e2ee';
import type { StoreTransaction } from '../ports.ts';
import { type DeviceKeys, readKeys, writeKeys } from './profile.ts';

/** More: longer absence without falling back to the signed prekey alone; each costs storage at both ends. */
export const ONE_TIME_PREKEYS = 100;
const REFILL_BELOW = 20;
const DAY_MS = 24 * 60 * 60_000;
/** Shorter limits what one stolen prekey opens; each change costs a request. */
const ROTATE_AFTER_MS = 7 * DAY_MS;
/** One-time prekeys kept here: some were fetched by peers who then never wrote. */
const KEPT_MAX = 1_000;
/** Messages sealed to an older one may be queued for as long as the server keeps them. */
const KEEP_OLD_MS = 30 * DAY_MS;

interface StoredSignedPrekey extends SignedPrekeyPair {
  readonly createdAtMs: number;
}

const signedKey = (id: number) => `signed/${String(id).padStart(10, '0')}`;
const oneTimeKey = (id: number) => `one-time/${String(id).padStart(10, '0')}`;

export interface FreshPrekeys {
  readonly signed: SignedPrekeyPair | undefined;
  readonly oneTime: readonly OneTimePrekeyPair[];
}

/** The first prekeys of a device. */
export function createFirstPrekeys(
  crypto: CryptoProvider,
  identity: Identity,
  nowMs: number,
): { keys: DeviceKeys; signed: SignedPrekeyPair; oneTime: OneTimePrekeyPair[] } {
  return {
    keys: {
      identity,
      nextOneTimePrekeyId: ONE_TIME_PREKEYS + 1,
      signedPrekeyId: 1,
      signedPrekeyAtMs: nowMs,
      publishedBelow: ONE_TIME_PREKEYS + 1,
      publishedSignedId: 1,
    },
    signed: createSignedPrekey(crypto, identity, 1),
    oneTime: createOneTimePrekeys(crypto, 1, ONE_TIME_PREKEYS),
  };
}

export async function storePrekeys(tx: StoreTransaction, fresh: FreshPrekeys, nowMs: number): Promise<void> {
  const { signed } = fresh;
  if (signed)
    await tx.put('prekeys', signedKey(signed.id), { ...signed, createdAtMs: nowMs } satisfies StoredSignedPrekey);
  for (const prekey of fresh.oneTime) await tx.put('prekeys', oneTimeKey(prekey.id), prekey);
}

/**
 * What is due to be published: made and stored before it is, since a peer may
 * use it the moment the server has it. What an interrupted publication left is
 * offered again. Undefined when nothing is due.
 * @param held one-time prekeys the server still has
 */
export async function renewPrekeys(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  held: number,
  nowMs: number,
): Promise<FreshPrekeys | undefined> {
  let keys = await readKeys(tx);
  if (nowMs - keys.signedPrekeyAtMs > ROTATE_AFTER_MS) keys = await rotateSigned(tx, crypto, keys, nowMs);
  const signed =
    keys.signedPrekeyId === keys.publishedSignedId
      ? undefined
      : await tx.get<StoredSignedPrekey>('prekeys', signedKey(keys.signedPrekeyId));
  let oneTime: OneTimePrekeyPair[] = [];
  if (held < REFILL_BELOW) {
    const from = oneTimeKey(keys.publishedBelow);
    const left = await tx.list<OneTimePrekeyPair>('prekeys', { from, to: 'one-time0', limit: ONE_TIME_PREKEYS });
    const missing = Math.max(0, ONE_TIME_PREKEYS - held - left.length);
    const made = createOneTimePrekeys(crypto, keys.nextOneTimePrekeyId, missing);
    await storePrekeys(tx, { signed: undefined, oneTime: made }, nowMs);
    keys = { ...keys, nextOneTimePrekeyId: keys.nextOneTimePrekeyId + missing };
    oneTime = [...left.map(({ value }) => value), ...made];
    await dropOldest(tx);
  }
  await writeKeys(tx, keys);
  return signed || oneTime.length > 0 ? { signed, oneTime } : undefined;
}

/** The server has them. */
export async function markPublished(tx: StoreTransaction, published: FreshPrekeys): Promise<void> {
  const keys = await readKeys(tx);
  await writeKeys(tx, {
    ...keys,
    publishedBelow: Math.max(keys.publishedBelow, (published.oneTime.at(-1)?.id ?? 0) + 1),
    publishedSignedId: published.signed?.id ?? keys.publishedSignedId,
  });
}

async function rotateSigned(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  keys: DeviceKeys,
  nowMs: number,
): Promise<DeviceKeys> {
  const signed = createSignedPrekey(crypto, keys.identity, keys.signedPrekeyId + 1);
  await storePrekeys(tx, { signed, oneTime: [] }, nowMs);
  await dropOldSigned(tx, signed.id, nowMs);
  return { ...keys, signedPrekeyId: signed.id, signedPrekeyAtMs: nowMs };
}

async function dropOldest(tx: StoreTransaction): Promise<void> {
  const all = await tx.list('prekeys', { from: 'one-time/', to: 'one-time0' });
  for (const { key } of all.slice(0, Math.max(0, all.length - KEPT_MAX))) await tx.delete('prekeys', key);
}

async function dropOldSigned(tx: StoreTransaction, currentId: number, nowMs: number): Promise<void> {
  const all = await tx.list<StoredSignedPrekey>('prekeys', { from: 'signed/', to: 'signed0' });
  // A prekey was in use until its successor was made.
  for (const [index, { key, value }] of all.entries()) {
    const successor = all[index + 1]?.value;
    if (value.id !== currentId && successor && nowMs - successor.createdAtMs > KEEP_OLD_MS)
      await tx.delete('prekeys', key);
  }
}

/** Every prekey this device holds, for opening a message that starts a session. */
export async function readPrekeys(tx: StoreTransaction): Promise<PrekeyLookup> {
  const signed = await tx.list<StoredSignedPrekey>('prekeys', { from: 'signed/', to: 'signed0' });
  const oneTime = await tx.list<OneTimePrekeyPair>('prekeys', { from: 'one-time/', to: 'one-time0' });
  const signedById = new Map(signed.map(({ value }) => [value.id, value]));
  const oneTimeById = new Map(oneTime.map(({ value }) => [value.id, value]));
  return { signed: (id) => signedById.get(id), oneTime: (id) => oneTimeById.get(id) };
}

export const deleteOneTimePrekey = (tx: StoreTransaction, id: number): Promise<void> =>
  tx.delete('prekeys', oneTimeKey(id));
