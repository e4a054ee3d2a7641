// What one user may hold and send: allocations, and bits and packets a second
// over all of them, both directions together. A relay is paid by the byte.
import { TokenBucket } from '@carillon/service';

export interface UserRates {
  readonly bitsPerSecond: number;
  readonly packetsPerSecond: number;
}

/** A second's worth at once: a key frame, or a chat's file over a data channel, does not come evenly. */
const BURST_SECONDS = 1;

export class UserQuota {
  allocations = 0;
  readonly #bytes: TokenBucket;
  readonly #packets: TokenBucket;

  constructor(rates: UserRates, nowMs: number) {
    const bucket = (perSecond: number) => new TokenBucket({ perSecond, burst: perSecond * BURST_SECONDS }, nowMs);
    this.#bytes = bucket(rates.bitsPerSecond / 8);
    this.#packets = bucket(rates.packetsPerSecond);
  }

  /** False when the packet is one too many and must be dropped, as a full link would. */
  admits(bytes: number, nowMs: number): boolean {
    return this.#packets.take(nowMs) && this.#bytes.take(nowMs, bytes);
  }

  /** Forgotten earlier, it would be new again, with all its burst, for who allocates and releases in turn. */
  isAtRest(nowMs: number): boolean {
    return this.allocations === 0 && this.#bytes.isFull(nowMs) && this.#packets.isFull(nowMs);
  }
}
