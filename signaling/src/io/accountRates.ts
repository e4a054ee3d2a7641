// How often, or how much, each account may ask for something at this node.
import { type AccountId, ProtocolError } from '@carillon/protocol';
import { TokenBucket } from '@carillon/service';

export class AccountRates {
  readonly #rate: { readonly perSecond: number; readonly burst: number };
  readonly #buckets = new Map<AccountId, TokenBucket>();

  constructor(rate: { readonly perSecond: number; readonly burst: number }) {
    this.#rate = rate;
  }

  /** @throws ProtocolError `rate-limited`, with the time after which so much is there */
  take(accountId: AccountId, nowMs: number, count = 1): void {
    const bucket = this.#buckets.get(accountId) ?? new TokenBucket(this.#rate, nowMs);
    this.#buckets.set(accountId, bucket);
    if (!bucket.take(nowMs, count)) throw new ProtocolError('rate-limited', { retryAfterMs: bucket.waitMs(count) });
  }

  /** Forgets accounts that have rested. */
  sweep(nowMs: number): void {
    for (const [accountId, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(accountId);
  }
}
