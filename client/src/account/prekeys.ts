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
    keys: { identity, nextOneTimePrekeyId: ONE_TIME_PREKEYS + 1, signedPrekeyId: 1, signedPrekeyAtMs: nowMs },
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
 * Makes what is due, stored before it is published: a peer may use it the moment
 * the server has it. Undefined when nothing is due.
 * @param held one-time prekeys the server still has
 */
export async function renewPrekeys(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  held: number,
  nowMs: number,
): Promise<FreshPrekeys | undefined> {
  const keys = await readKeys(tx);
  const rotate = nowMs - keys.signedPrekeyAtMs > ROTATE_AFTER_MS;
  const missing = held < REFILL_BELOW ? ONE_TIME_PREKEYS - held : 0;
  if (!rotate && missing === 0) return undefined;
  const signed = rotate ? createSignedPrekey(crypto, keys.identity, keys.signedPrekeyId + 1) : undefined;
  const oneTime = createOneTimePrekeys(crypto, keys.nextOneTimePrekeyId, missing);
  await storePrekeys(tx, { signed, oneTime }, nowMs);
  await writeKeys(tx, {
    ...keys,
    nextOneTimePrekeyId: keys.nextOneTimePrekeyId + missing,
    ...(signed ? { signedPrekeyId: signed.id, signedPrekeyAtMs: nowMs } : {}),
  });
  if (rotate) await dropOldSigned(tx, signed!.id, nowMs);
  return { signed, oneTime };
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
