// How often may be knocked: a bucket of tokens for each account, and one for all.
import type { AccountId } from '@carillon/protocol';

export interface Bucket {
  readonly tokens: number;
  readonly atMs: number;
}

export interface BucketSize {
  readonly burst: number;
  /** One token comes back after so long. */
  readonly refillMs: number;
}

/** Who waits knocks every 20 seconds; this leaves room to try anew a few times at once. */
export const OF_ONE: BucketSize = { burst: 5, refillMs: 10_000 };
/** Of everybody: a full lobby knocks 16 times in 20 seconds. Higher lets a crowd keep a device busier. */
export const OF_ALL: BucketSize = { burst: 60, refillMs: 500 };
/** Accounts remembered; of a crowd, who knocked longest ago begins anew. */
const ACCOUNTS_MAX = 256;

export interface Rates {
  readonly all: Bucket;
  readonly accounts: ReadonlyMap<AccountId, Bucket>;
}

export const noRates: Rates = { all: { tokens: OF_ALL.burst, atMs: 0 }, accounts: new Map() };

function take(bucket: Bucket | undefined, { burst, refillMs }: BucketSize, nowMs: number): Bucket | undefined {
  const gained = bucket ? Math.max(0, nowMs - bucket.atMs) / refillMs : burst;
  const tokens = Math.min(burst, (bucket?.tokens ?? 0) + gained);
  return tokens < 1 ? undefined : { tokens: tokens - 1, atMs: nowMs };
}

/** Undefined: too often. Then nothing has changed, so that a flood of one cannot use up what is for all. */
export function allow(rates: Rates, account: AccountId, nowMs: number): Rates | undefined {
  const one = take(rates.accounts.get(account), OF_ONE, nowMs);
  const all = one && take(rates.all, OF_ALL, nowMs);
  if (!one || !all) return undefined;
  const accounts = new Map(rates.accounts);
  accounts.delete(account);
  accounts.set(account, one);
  if (accounts.size > ACCOUNTS_MAX) accounts.delete(accounts.keys().next().value!);
  return { all, accounts };
}
