// The prekeys others start sessions with while this device is away: a signed
// prekey and a last-resort KEM prekey that change weekly, and stocks of one-time
// ones of both kinds (X3DH §2.4, PQXDH §2.4).
import type { CryptoProvider } from '@carillon/messaging-core/e2ee';
import {
  createKemPrekeys,
  createLastResortKemPrekey,
  createOneTimePrekeys,
  createSignedPrekey,
  type Identity,
  type KemPrekeyPair,
  type OneTimePrekeyPair,
  type PrekeyLookup,
  type SignedPrekeyPair,
} from '@carillon/messaging-core/e2ee';
import type { StoreTransaction } from '../ports.ts';
import { KEM_STOCK, ONE_TIME_STOCK, refillStock, type Stock, storeStock } from './prekeyStock.ts';
import { type DeviceKeys, readKeys, writeKeys } from './profile.ts';

export { ONE_TIME_PREKEYS } from './prekeyStock.ts';

/** In the registration itself, where they cost 2 KB each; the rest follows over the socket. */
const FIRST_KEM_PREKEYS = 10;
const DAY_MS = 24 * 60 * 60_000;
/** Shorter limits what one stolen prekey opens; each change costs a request. */
const ROTATE_AFTER_MS = 7 * DAY_MS;
/** Messages sealed to an older one may be queued for as long as the server keeps them. */
const KEEP_OLD_MS = 30 * DAY_MS;

type Dated<T> = T & { readonly createdAtMs: number };

const idText = (id: number) => String(id).padStart(10, '0');
const signedKey = (id: number) => `signed/${idText(id)}`;
const lastResortKey = (id: number) => `last-resort/${idText(id)}`;

export interface FreshPrekeys {
  readonly signed: SignedPrekeyPair | undefined;
  readonly oneTime: readonly OneTimePrekeyPair[];
  readonly lastResortKem: KemPrekeyPair | undefined;
  readonly kem: readonly KemPrekeyPair[];
}

/** One-time prekeys that the server still has. */
export interface HeldPrekeys {
  readonly oneTime: number;
  readonly kem: number;
}

/** The first prekeys of a device. */
export function createFirstPrekeys(
  crypto: CryptoProvider,
  identity: Identity,
  nowMs: number,
): { keys: DeviceKeys; fresh: FreshPrekeys & { signed: SignedPrekeyPair; lastResortKem: KemPrekeyPair } } {
  const oneTimeNext = ONE_TIME_STOCK.full + 1;
  const kemNext = FIRST_KEM_PREKEYS + 2;
  return {
    keys: {
      identity,
      nextOneTimePrekeyId: oneTimeNext,
      publishedBelow: oneTimeNext,
      signedPrekeyId: 1,
      signedPrekeyAtMs: nowMs,
      publishedSignedId: 1,
      nextKemPrekeyId: kemNext,
      publishedKemBelow: kemNext,
      lastResortKemId: 1,
      publishedLastResortKemId: 1,
    },
    fresh: {
      signed: createSignedPrekey(crypto, identity, 1),
      oneTime: createOneTimePrekeys(crypto, 1, ONE_TIME_STOCK.full),
      lastResortKem: createLastResortKemPrekey(crypto, identity, 1),
      kem: createKemPrekeys(crypto, identity, 2, FIRST_KEM_PREKEYS),
    },
  };
}

export async function storePrekeys(tx: StoreTransaction, fresh: FreshPrekeys, nowMs: number): Promise<void> {
  const { signed, lastResortKem } = fresh;
  if (signed) await tx.put('prekeys', signedKey(signed.id), { ...signed, createdAtMs: nowMs });
  if (lastResortKem) await tx.put('prekeys', lastResortKey(lastResortKem.id), { ...lastResortKem, createdAtMs: nowMs });
  await storeStock(tx, ONE_TIME_STOCK, fresh.oneTime);
  await storeStock(tx, KEM_STOCK, fresh.kem);
}

/**
 * What is due to be published: made and stored before it is, since a peer may
 * use it the moment the server has it. What an interrupted publication left is
 * offered again. Undefined when nothing is due.
 */
export async function renewPrekeys(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  held: HeldPrekeys,
  nowMs: number,
): Promise<FreshPrekeys | undefined> {
  let keys = await readKeys(tx);
  if (nowMs - keys.signedPrekeyAtMs > ROTATE_AFTER_MS) keys = await rotate(tx, crypto, keys, nowMs);
  const signed =
    keys.signedPrekeyId === keys.publishedSignedId
      ? undefined
      : await tx.get<Dated<SignedPrekeyPair>>('prekeys', signedKey(keys.signedPrekeyId));
  const lastResortKem =
    keys.lastResortKemId === keys.publishedLastResortKemId
      ? undefined
      : await tx.get<Dated<KemPrekeyPair>>('prekeys', lastResortKey(keys.lastResortKemId));
  const oneTime = await refillStock(tx, ONE_TIME_STOCK, held.oneTime, keys.publishedBelow, (count) =>
    createOneTimePrekeys(crypto, keys.nextOneTimePrekeyId, count),
  );
  const kem = await refillStock(tx, KEM_STOCK, held.kem, keys.publishedKemBelow, (count) =>
    createKemPrekeys(crypto, keys.identity, keys.nextKemPrekeyId, count),
  );
  await writeKeys(tx, {
    ...keys,
    nextOneTimePrekeyId: Math.max(keys.nextOneTimePrekeyId, (oneTime.at(-1)?.id ?? 0) + 1),
    nextKemPrekeyId: Math.max(keys.nextKemPrekeyId, (kem.at(-1)?.id ?? 0) + 1),
  });
  const isDue = signed || lastResortKem || oneTime.length > 0 || kem.length > 0;
  return isDue ? { signed, oneTime, lastResortKem, kem } : undefined;
}

/** The server has them. */
export async function markPublished(tx: StoreTransaction, published: FreshPrekeys): Promise<void> {
  const keys = await readKeys(tx);
  const after = (prekeys: readonly { readonly id: number }[]) => (prekeys.at(-1)?.id ?? 0) + 1;
  await writeKeys(tx, {
    ...keys,
    publishedBelow: Math.max(keys.publishedBelow, after(published.oneTime)),
    publishedSignedId: published.signed?.id ?? keys.publishedSignedId,
    publishedKemBelow: Math.max(keys.publishedKemBelow, after(published.kem)),
    publishedLastResortKemId: published.lastResortKem?.id ?? keys.publishedLastResortKemId,
  });
}

async function rotate(
  tx: StoreTransaction,
  crypto: CryptoProvider,
  keys: DeviceKeys,
  nowMs: number,
): Promise<DeviceKeys> {
  const signed = createSignedPrekey(crypto, keys.identity, keys.signedPrekeyId + 1);
  const lastResortKem = createLastResortKemPrekey(crypto, keys.identity, keys.nextKemPrekeyId);
  await storePrekeys(tx, { signed, lastResortKem, oneTime: [], kem: [] }, nowMs);
  for (const prefix of ['signed', 'last-resort']) await dropOld(tx, prefix, nowMs);
  return {
    ...keys,
    signedPrekeyId: signed.id,
    signedPrekeyAtMs: nowMs,
    lastResortKemId: lastResortKem.id,
    nextKemPrekeyId: lastResortKem.id + 1,
  };
}

async function dropOld(tx: StoreTransaction, prefix: string, nowMs: number): Promise<void> {
  const all = await tx.list<Dated<unknown>>('prekeys', { from: `${prefix}/`, to: `${prefix}0` });
  // A prekey was in use until its successor was made.
  for (const [index, { key }] of all.entries()) {
    const successor = all[index + 1]?.value;
    if (successor && nowMs - successor.createdAtMs > KEEP_OLD_MS) await tx.delete('prekeys', key);
  }
}

/**
 * Our prekeys for opening a message that starts a session. Only the message tells
 * which ones it needs, and the session layer cannot wait for the store: it is
 * asked, fails, and is asked again once `load` has brought what it missed.
 */
export class PrekeyShelf {
  readonly #tx: StoreTransaction;
  readonly #loaded = new Map<string, unknown>();
  #missed: string | undefined;

  constructor(tx: StoreTransaction) {
    this.#tx = tx;
  }

  readonly lookup: Required<PrekeyLookup> = {
    signed: (id) => this.#get<SignedPrekeyPair>(signedKey(id)),
    oneTime: (id) => this.#get<OneTimePrekeyPair>(ONE_TIME_STOCK.key(id)),
    kem: (id) => {
      const oneTime = this.#get<KemPrekeyPair>(KEM_STOCK.key(id));
      if (oneTime) return { privateKey: oneTime.privateKey, lastResort: false };
      const lastResort = this.#loaded.has(KEM_STOCK.key(id)) ? this.#get<KemPrekeyPair>(lastResortKey(id)) : undefined;
      return lastResort && { privateKey: lastResort.privateKey, lastResort: true };
    },
  };

  /** False when nothing was missed that is not loaded. */
  async load(): Promise<boolean> {
    const key = this.#missed;
    this.#missed = undefined;
    if (key === undefined) return false;
    this.#loaded.set(key, await this.#tx.get('prekeys', key));
    return true;
  }

  #get<T>(key: string): T | undefined {
    if (!this.#loaded.has(key)) this.#missed = key;
    return this.#loaded.get(key) as T | undefined;
  }
}

export const deletePrekey = (tx: StoreTransaction, stock: Stock, id: number): Promise<void> =>
  tx.delete('prekeys', stock.key(id));
