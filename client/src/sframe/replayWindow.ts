// Which counters have come, over a sliding window (the scheme of RFC 4303 §3.4.3).

/**
 * Counters that a frame may come late by. Microphone, camera layers and screen
 * share one counter, about 200 a second: this is five seconds. Larger costs
 * memory for each key; smaller refuses frames that the network delayed.
 */
export const REPLAY_WINDOW = 1_024;

export class ReplayWindow {
  readonly #size: number;
  readonly #seen: Uint8Array;
  #highest = -1n;

  constructor(size = REPLAY_WINDOW) {
    this.#size = size;
    this.#seen = new Uint8Array(size);
  }

  /** Whether it is new and not too old. */
  accepts(ctr: bigint): boolean {
    if (ctr > this.#highest) return true;
    if (this.#highest - ctr >= BigInt(this.#size)) return false;
    return this.#seen[Number(ctr % BigInt(this.#size))] === 0;
  }

  /** To be called for authentic frames only; false when another came first. */
  take(ctr: bigint): boolean {
    if (!this.accepts(ctr)) return false;
    const size = BigInt(this.#size);
    if (ctr > this.#highest) {
      if (ctr - this.#highest >= size) this.#seen.fill(0);
      else for (let passed = this.#highest + 1n; passed < ctr; passed++) this.#seen[Number(passed % size)] = 0;
      this.#highest = ctr;
    }
    this.#seen[Number(ctr % size)] = 1;
    return true;
  }
}
