// What one account may ask for: requests per second, and upload bytes per day.
// Kept in memory: a restart forgives, which costs at most one more day's bytes.
import { ProtocolError } from '@carillon/protocol';
import { TokenBucket } from '@carillon/service';

/** Forwarding an album asks for a link or grant per picture; more than this is a loop. */
const REQUESTS = { perSecond: 20, burst: 200 };
const DAY_SECONDS = 86_400;
/** Accounts remembered, about 200 bytes each; past it the one seen longest ago starts afresh. */
const ACCOUNTS_MAX = 100_000;

/** What even the smallest upload counts for: a file costs the disk more than its bytes. */
const BYTES_COUNTED_MIN = 64 * 1024;

interface Account {
  readonly requests: TokenBucket;
  readonly bytes: TokenBucket;
}

export class AccountLimits {
  readonly #dailyBytes: number;
  readonly #accounts = new Map<string, Account>();

  constructor(dailyBytes: number) {
    this.#dailyBytes = dailyBytes;
  }

  /** @throws ProtocolError `rate-limited` */
  takeRequest(accountId: string, nowMs: number): void {
    const { requests } = this.#account(accountId, nowMs);
    if (!requests.take(nowMs)) throw new ProtocolError('rate-limited', { retryAfterMs: requests.waitMs() });
  }

  /** @throws ProtocolError `rate-limited`, or `blob-too-large` when no waiting would help. */
  takeBytes(accountId: string, bytes: number, nowMs: number): void {
    if (bytes > this.#dailyBytes) throw new ProtocolError('blob-too-large');
    const account = this.#account(accountId, nowMs);
    const counted = Math.min(this.#dailyBytes, Math.max(bytes, BYTES_COUNTED_MIN));
    if (account.bytes.take(nowMs, counted)) return;
    throw new ProtocolError('rate-limited', {
      retryAfterMs: account.bytes.waitMs(counted),
      words: 'You have sent as much as the server takes in a day; try again later.',
    });
  }

  #account(accountId: string, nowMs: number): Account {
    const known = this.#accounts.get(accountId);
    const account = known ?? {
      requests: new TokenBucket(REQUESTS, nowMs),
      bytes: new TokenBucket({ perSecond: this.#dailyBytes / DAY_SECONDS, burst: this.#dailyBytes }, nowMs),
    };
    // Deleting first moves it to the young end of the map's order.
    this.#accounts.delete(accountId);
    this.#accounts.set(accountId, account);
    if (this.#accounts.size > ACCOUNTS_MAX) this.#accounts.delete(this.#accounts.keys().next().value!);
    return account;
  }
}
