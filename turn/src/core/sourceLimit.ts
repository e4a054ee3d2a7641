// How much an address that has proved nothing is answered. A reply may be
// larger than its request (README.md has the ratios), and UDP sources are easily
// forged: this bounds what any one victim can be made to receive.
import { TokenBucket } from '@carillon/service';
import { familyOf, ipv6Bytes, ipv6Text } from './address.ts';

/** Addresses remembered at once, about 150 bytes each; fewer, and a flood from many sources resets limits sooner. */
const SOURCES_MAX = 16_384;
/** Seconds' worth of replies at once: a whole office that comes back online together. */
const BURST_SECONDS = 4;

export class SourceLimit {
  /** In order of use, so that the first is the one to forget. */
  readonly #buckets = new Map<string, TokenBucket>();
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** False when that address has had its replies. */
  admits(from: string, nowMs: number): boolean {
    const address = sourceOf(from);
    const known = this.#buckets.get(address);
    if (known) this.#buckets.delete(address);
    else if (this.#buckets.size >= SOURCES_MAX) this.#forgetOldest();
    const rate = { perSecond: this.#perSecond, burst: this.#perSecond * BURST_SECONDS };
    const bucket = known ?? new TokenBucket(rate, nowMs);
    this.#buckets.set(address, bucket);
    return bucket.take(nowMs);
  }

  /** Whether it would be refused by `admits`; takes nothing. */
  isSpent(from: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(sourceOf(from));
    if (!bucket) return false;
    bucket.take(nowMs, 0);
    return bucket.waitMs() > 0;
  }

  /** Forgets who may have all replies again anyway. */
  prune(nowMs: number): void {
    for (const [address, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(address);
  }

  get size(): number {
    return this.#buckets.size;
  }

  #forgetOldest(): void {
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}

/**
 * What one victim, and one attacker, has of addresses: one of IPv4, a network of 64 bits of IPv6 (RFC 6177),
 * in which anybody can be a different one with each packet.
 */
export function sourceOf(address: string): string {
  return familyOf(address) === 'ipv4' ? address : ipv6Text(ipv6Bytes(address).fill(0, 8));
}
