// What a device has heard, and who waits for it.
import type { Heard } from './call.ts';

export class HeardCounts {
  readonly #counts = { relayed: 0, state: 0, ended: 0 };
  readonly #waiting: Partial<Record<Heard, { readonly until: number; readonly resolve: () => void }>> = {};

  add(what: Heard): void {
    const waiting = this.#waiting[what];
    if (++this.#counts[what] !== waiting?.until) return;
    delete this.#waiting[what];
    waiting.resolve();
  }

  /** So many more than until now. */
  more(what: Heard, count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting[what] = { until: this.#counts[what] + count, resolve };
    });
  }
}
