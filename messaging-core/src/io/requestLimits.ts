// How much one connected device may ask of a kind: counted for its account, for
// itself and for where it connects from, so that neither one busy device nor
// many accounts of one stranger take everything.
import { type Address, addressKey } from '@carillon/protocol';
import { RateLimits } from './rateLimits.ts';

/** A minute's worth may be asked at once. */
export interface PerMinute {
  readonly account: number;
  readonly device: number;
  readonly address: number;
}

export class RequestLimits {
  readonly #accounts: RateLimits;
  readonly #devices: RateLimits;
  readonly #addresses: RateLimits;

  constructor(perMinute: PerMinute) {
    const limits = (count: number) => new RateLimits({ perSecond: count / 60, burst: count });
    this.#accounts = limits(perMinute.account);
    this.#devices = limits(perMinute.device);
    this.#addresses = limits(perMinute.address);
  }

  /** @throws ProtocolError `rate-limited` */
  take(
    asker: { readonly address: Address; readonly remoteAddress: string | undefined },
    nowMs: number,
    count = 1,
  ): void {
    this.#devices.take(addressKey(asker.address), nowMs, count);
    this.#accounts.take(asker.address.accountId, nowMs, count);
    if (asker.remoteAddress !== undefined) this.#addresses.take(asker.remoteAddress, nowMs, count);
  }
}
