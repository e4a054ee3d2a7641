// Time and chance of one simulated world: everything that happens is an event
// at a virtual moment, and every choice comes from the seed.

/** mulberry32: small, fast, and the same everywhere. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to below 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  below(bound: number): number {
    return Math.floor(this.next() * bound);
  }

  /** Mostly near `from`, now and then near `to`: as delays are. */
  delay(from: number, to: number): number {
    return from + (to - from) * this.next() ** 3;
  }

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }
}

interface Planned {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

export class Scheduler {
  nowMs = 1_000_000;
  readonly #heap: Planned[] = [];
  #order = 0;

  after(ms: number, run: () => void): { clear(): void } {
    const planned: Planned = { atMs: this.nowMs + Math.max(0, Math.ceil(ms)), order: this.#order++, run };
    this.#push(planned);
    return {
      clear: () => {
        planned.run = undefined;
      },
    };
  }

  /** Plays everything up to the moment; what it starts in promises has run before the next event. */
  async playUntil(atMs: number): Promise<void> {
    for (;;) {
      const next = this.#heap[0];
      if (!next || next.atMs > atMs) break;
      this.#pop();
      if (!next.run) continue;
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    this.nowMs = atMs;
  }

  #push(planned: Planned): void {
    const heap = this.#heap;
    let at = heap.push(planned) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at]!, heap[parent]!)) break;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    heap[0] = last;
    for (let at = 0; ; ) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isBefore(heap[child]!, heap[least]!)) least = child;
      }
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least]!, heap[at]!];
      at = least;
    }
  }
}

function isBefore(a: Planned, b: Planned): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
