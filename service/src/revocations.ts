// Devices that were removed while tokens of theirs still run. Whoever verifies
// tokens offline asks messaging-core for the list every few seconds; when it
// does not answer, tokens are believed as before (an outage there must not end
// every call), but what was once known to be removed stays so.
import { ACCESS_TOKEN_LIFE_MS, CLOCK_SKEW_MS, revokedReplySchema } from '@carillon/protocol';
import type { Log } from './log.ts';

/** The bound on how long a removed device goes on elsewhere. Shorter costs a small request of each service more often. */
const POLL_EVERY_MS = 5_000;
const TIMEOUT_MS = 3_000;
/** A list of 20,000 devices; more is no answer of ours. */
const REPLY_BYTES_MAX = 2 * 1024 * 1024;

export interface RevocationFeedOptions {
  readonly url: URL;
  readonly log: Log | undefined;
  /** For tests. */
  readonly pollEveryMs?: number;
}

export class RevocationFeed {
  readonly #options: RevocationFeedOptions;
  /** `account.device` to the time after which its tokens are over anyway, once it is no longer in the list. */
  readonly #revoked = new Map<string, number>();
  readonly #listeners = new Set<() => void>();
  #etag: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #first: Promise<void> | undefined;
  #usedAtMs = 0;
  #reachable = true;
  #closed = false;

  constructor(options: RevocationFeedOptions) {
    this.#options = options;
  }

  /** Begins to poll, if it does not; resolves when the list has been asked for once. */
  use(): Promise<void> {
    this.#usedAtMs = performance.now();
    this.#first ??= this.#poll();
    if (this.#timer === undefined) this.#again();
    return this.#first;
  }

  has(address: string): boolean {
    return this.#revoked.has(address);
  }

  /** Told when devices were added to those known. */
  onRevoked(listener: () => void): void {
    this.#listeners.add(listener);
    void this.use();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #again(): void {
    this.#timer = undefined;
    if (this.#closed) return;
    // Without a listener nothing is asked for that nobody wants to know; the first use afterwards waits for the answer.
    const idleMs = performance.now() - this.#usedAtMs;
    if (this.#listeners.size === 0 && idleMs > ACCESS_TOKEN_LIFE_MS) {
      this.#first = undefined;
      return;
    }
    this.#timer = setTimeout(() => {
      void this.#poll().then(() => this.#again());
    }, this.#options.pollEveryMs ?? POLL_EVERY_MS);
    this.#timer.unref();
  }

  async #poll(): Promise<void> {
    const { url, log } = this.#options;
    try {
      const response = await fetch(url, {
        redirect: 'error',
        headers: this.#etag === undefined ? {} : { 'if-none-match': this.#etag },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      if (response.status !== 304) {
        if (!response.ok) throw new Error(`status ${response.status}`);
        const text = await response.text();
        if (text.length > REPLY_BYTES_MAX) throw new Error('the list is too long');
        const { devices } = revokedReplySchema.parse(JSON.parse(text));
        this.#etag = response.headers.get('etag') ?? undefined;
        this.#take(devices.map(({ accountId, deviceId }) => `${accountId}.${deviceId}`));
      }
      if (!this.#reachable) log?.info('removed devices are known again');
      this.#reachable = true;
    } catch (error) {
      if (this.#reachable && !this.#closed)
        log?.warn('removed devices cannot be asked for; tokens are believed meanwhile', {
          error: error instanceof Error ? error.message : String(error),
        });
      this.#reachable = false;
    }
  }

  #take(addresses: readonly string[]): void {
    const nowMs = performance.now();
    const added = addresses.some((address) => !this.#revoked.has(address));
    for (const address of addresses) this.#revoked.set(address, nowMs + ACCESS_TOKEN_LIFE_MS + CLOCK_SKEW_MS);
    // One that is no longer listed is kept as long as its tokens may run: a restarted server may have lost its list.
    for (const [address, untilMs] of this.#revoked) if (untilMs <= nowMs) this.#revoked.delete(address);
    if (added) for (const listener of this.#listeners) listener();
  }
}
