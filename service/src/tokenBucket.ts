/** By so much at least a clock was set, and not merely unsteady: the bucket fills on from then, not only once the old time has come again. */
const SET_BACK_MS = 60_000;

/** Token bucket: `perSecond` on average, up to `burst` at once. Time comes from the caller. */
export class TokenBucket {
  /** Shared by all buckets of a kind: there may be one for each socket. */
  readonly #rate: { readonly perSecond: number; readonly burst: number };
  #tokens: number;
  #atMs: number;

  constructor(rate: { readonly perSecond: number; readonly burst: number }, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Takes `count` tokens; false, and none taken, when there are too few. */
  take(nowMs: number, count = 1): boolean {
    this.#tokens = Math.min(
      this.#rate.burst,
      this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#rate.perSecond,
    );
    const isSetBack = nowMs < this.#atMs - SET_BACK_MS;
    this.#atMs = isSetBack ? nowMs : Math.max(this.#atMs, nowMs);
    if (this.#tokens < count) return false;
    this.#tokens -= count;
    return true;
  }

  /** Milliseconds until `count` tokens are there. */
  waitMs(count = 1): number {
    return Math.ceil((Math.max(0, count - this.#tokens) / this.#rate.perSecond) * 1000);
  }

  /** Full again: as good as new, may be forgotten. */
  isFull(nowMs: number): boolean {
    return this.#tokens + (Math.max(0, nowMs - this.#atMs) / 1000) * this.#rate.perSecond >= this.#rate.burst;
  }
}
