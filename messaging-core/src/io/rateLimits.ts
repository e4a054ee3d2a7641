// One token bucket per key, for keys that strangers choose: bounded.
import { ProtocolError } from '@carillon/protocol';
import { TokenBucket } from '@carillon/service';

/** Keys remembered. Each costs about 200 bytes; past it the oldest is forgotten and so starts full again. */
const KEYS_MAX = 50_000;

export class RateLimits {
  readonly #rate: { readonly perSecond: number; readonly burst: number };
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: { perSecond: number; burst: number }) {
    this.#rate = rate;
  }

  /** @throws ProtocolError `rate-limited` */
  take(key: string, nowMs: number, count = 1): void {
    let bucket = this.#buckets.get(key);
    if (!bucket || this.#buckets.size > KEYS_MAX / 2) {
      bucket ??= new TokenBucket(this.#rate, nowMs);
      // Moved to the end: the map's order is that of last use, which costs something and matters only once it may fill.
      this.#buckets.delete(key);
      this.#buckets.set(key, bucket);
      if (this.#buckets.size > KEYS_MAX) this.#forget(nowMs);
    }
    if (!bucket.take(nowMs, count)) throw new ProtocolError('rate-limited', { retryAfterMs: bucket.waitMs(count) });
  }

  /** Full buckets first, from the least recently used on; else the least recently used one. */
  #forget(nowMs: number): void {
    let oldest: string | undefined;
    let looked = 0;
    for (const [key, bucket] of this.#buckets) {
      oldest ??= key;
      if (bucket.isFull(nowMs)) this.#buckets.delete(key);
      if (++looked >= 64) break;
    }
    if (this.#buckets.size > KEYS_MAX && oldest !== undefined) this.#buckets.delete(oldest);
  }
}
