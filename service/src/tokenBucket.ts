/** Token bucket: `perSecond` on average, up to `burst` at once. Time comes from the caller. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor(rate: { perSecond: number; burst: number }, nowMs: number) {
    this.#perSecond = rate.perSecond;
    this.#burst = rate.burst;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Takes `count` tokens; false, and none taken, when there are too few. */
  take(nowMs: number, count = 1): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond);
    this.#atMs = Math.max(this.#atMs, nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until `count` tokens are there. */
  waitMs(count = 1): number {
    return Math.ceil((Math.max(0, count - this.#tokens) / this.#perSecond) * 1000);
  }

  /** Full again: as good as new, may be forgotten. */
  isFull(nowMs: number): boolean {
    return this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#perSecond >= this.#burst;
  }
}
