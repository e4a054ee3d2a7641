// One timer for each key, on a clock that a simulation can run by itself.

/** setTimeout takes no more, and fires at once on what is beyond it: a clock set back by weeks would spin. */
const TIMER_MS_MAX = 2 ** 31 - 1;

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  after(ms: number, run: () => void): { clear(): void };
  every(ms: number, run: () => void): { clear(): void };
}

export const realClock: Clock = clockOf(Date.now);

export function clockOf(now: () => number): Clock {
  return {
    now,
    after: (ms, run) => {
      const timer = setTimeout(run, Math.min(Math.max(0, ms), TIMER_MS_MAX));
      return { clear: () => clearTimeout(timer) };
    },
    every: (ms, run) => {
      const timer = setInterval(run, ms).unref();
      return { clear: () => clearInterval(timer) };
    },
  };
}

export class Timers<Key> {
  readonly #clock: Clock;
  readonly #run: (key: Key) => void;
  readonly #timers = new Map<Key, { clear(): void }>();

  constructor(clock: Clock, run: (key: Key) => void) {
    this.#clock = clock;
    this.#run = run;
  }

  start(key: Key, atMs: number): void {
    this.#timers.get(key)?.clear();
    const timer = this.#clock.after(Math.min(atMs - this.#clock.now(), TIMER_MS_MAX), () => {
      this.#timers.delete(key);
      // Early: the time was more than a timer takes.
      if (this.#clock.now() < atMs) this.start(key, atMs);
      else this.#run(key);
    });
    this.#timers.set(key, timer);
  }

  stop(key: Key): void {
    this.#timers.get(key)?.clear();
    this.#timers.delete(key);
  }

  clear(): void {
    for (const timer of this.#timers.values()) timer.clear();
    this.#timers.clear();
  }
}
