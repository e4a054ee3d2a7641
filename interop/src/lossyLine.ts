// A line between two devices that loses, repeats and reorders what it carries. How
// long it may hold something back is bounded, as what both implementations
// remember of former turns of a talk is.
import type { SeededRandom } from './seededRandom.ts';

const LOSS = 0.1;
const REPETITION = 0.1;
const DELAY = 0.4;

/** A message is held for this many deliveries at most: with the one it was sent in, four turns of the five remembered. */
const HELD_ROUNDS_MAX = 3;

interface Held<T> {
  readonly item: T;
  readonly rounds: number;
}

export class LossyLine<T> {
  readonly #random: SeededRandom;
  #held: Held<T>[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  send(item: T): void {
    if (this.#random.chance(LOSS)) return;
    this.#held.push({ item, rounds: 0 });
    if (this.#random.chance(REPETITION)) this.#held.push({ item, rounds: 0 });
  }

  /** What arrives now, in any order. */
  deliver(): T[] {
    const stays = new Set(this.#held.filter(({ rounds }) => rounds < HELD_ROUNDS_MAX && this.#random.chance(DELAY)));
    const arriving = this.#held.filter((held) => !stays.has(held));
    this.#held = [...stays].map(({ item, rounds }) => ({ item, rounds: rounds + 1 }));
    return this.#random.shuffled(arriving).map(({ item }) => item);
  }

  /** Everything that is still under way. */
  drain(): T[] {
    const arriving = this.#random.shuffled(this.#held).map(({ item }) => item);
    this.#held = [];
    return arriving;
  }
}
