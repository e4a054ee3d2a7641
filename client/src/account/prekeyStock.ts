// One-time prekeys of one kind, here and at the server.
import { LIMITS } from '@carillon/protocol';
import type { StoreTransaction } from '../ports.ts';

/** More: longer absence without falling back to the signed prekey alone; each costs storage at both ends. */
export const ONE_TIME_PREKEYS = 100;
const REFILL_BELOW = 20;
/** Kept here: some were fetched by peers who then never wrote. */
const KEPT_MAX = 1_000;
/** KEM prekeys take 1.7 KB each. */
const KEM_KEPT_MAX = 250;

export interface Stock {
  readonly prefix: string;
  /** Held by the server when it is full. */
  readonly full: number;
  readonly keptMax: number;
  key(id: number): string;
}

const stock = (prefix: string, full: number, keptMax: number): Stock => ({
  prefix,
  full,
  keptMax,
  key: (id) => `${prefix}/${String(id).padStart(10, '0')}`,
});

export const ONE_TIME_STOCK = stock('one-time', ONE_TIME_PREKEYS, KEPT_MAX);
export const KEM_STOCK = stock('kem', LIMITS.kemPrekeysMax, KEM_KEPT_MAX);

export async function storeStock(
  tx: StoreTransaction,
  { key }: Stock,
  prekeys: readonly { readonly id: number }[],
): Promise<void> {
  for (const prekey of prekeys) await tx.put('prekeys', key(prekey.id), prekey);
}

/**
 * What the server is to get when it has few left: those of an interrupted
 * publication first, then newly made ones. Ids are never used again, so that a
 * late message cannot meet another key.
 */
export async function refillStock<T extends { readonly id: number }>(
  tx: StoreTransaction,
  kind: Stock,
  held: number,
  publishedBelow: number,
  make: (count: number) => T[],
): Promise<T[]> {
  if (held >= REFILL_BELOW) return [];
  const range = { from: kind.key(publishedBelow), to: `${kind.prefix}0`, limit: kind.full };
  const left = (await tx.list<T>('prekeys', range)).map(({ value }) => value);
  const made = make(Math.max(0, kind.full - held - left.length));
  await storeStock(tx, kind, made);
  const all = await tx.list('prekeys', { from: `${kind.prefix}/`, to: `${kind.prefix}0` });
  for (const { key } of all.slice(0, Math.max(0, all.length - kind.keptMax))) await tx.delete('prekeys', key);
  return [...left, ...made];
}
