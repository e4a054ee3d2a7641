// One direction of an emulated link: what happens to each packet, and when it
// arrives. Pure: the time comes with the packet, chance from a seed.
//
// A packet goes through the stages in the order of a real path: it may be lost
// (Gilbert's two states, so that losses come in bursts), waits for the bottleneck
// and is serialised there at its rate, or finds the queue full; then it travels,
// with jitter, behind the one before it; now and then one takes a longer way
// and is overtaken, or arrives twice.
import { Random } from './random.ts';

export interface LinkSettings {
  /** Of travelling, besides what the rate takes. */
  readonly delayMs: number;
  /** Standard deviation of the delay, normally distributed and never below 0. */
  readonly jitterMs: number;
  /** Of packets in the long run, 0 to 1. */
  readonly loss: number;
  /** Mean number of packets lost in a row; 1 / (1 - loss) is what independent losses have, and less is taken for it. */
  readonly lossBurst: number;
  /** Of the bottleneck, by IP bytes; Infinity has none. */
  readonly rateKbit: number;
  /** What the bottleneck lets wait, in time at its rate; beyond it packets are dropped at the tail. */
  readonly queueMs: number;
  /** Of packets that take a longer way, 0 to 1. */
  readonly reorder: number;
  /** How much longer that is; above the gap between packets, or nothing overtakes. */
  readonly reorderMs: number;
  /** Of packets that arrive twice, 0 to 1. */
  readonly duplicate: number;
}

export const CLEAR: LinkSettings = {
  delayMs: 0,
  jitterMs: 0,
  loss: 0,
  lossBurst: 1,
  rateKbit: Number.POSITIVE_INFINITY,
  queueMs: 200,
  reorder: 0,
  reorderMs: 10,
  duplicate: 0,
};

export interface LinkCounts {
  readonly packets: number;
  readonly lost: number;
  /** Found the queue full. */
  readonly overflowed: number;
  readonly reordered: number;
  readonly duplicated: number;
}

export class OneWay {
  readonly #random: Random;
  #settings: LinkSettings;
  #isLosing = false;
  /** When the bottleneck has sent what it took. */
  #freeAtMs = Number.NEGATIVE_INFINITY;
  #lastArrivalMs = Number.NEGATIVE_INFINITY;
  readonly #counts = { packets: 0, lost: 0, overflowed: 0, reordered: 0, duplicated: 0 };

  constructor(settings: LinkSettings, seed: number) {
    this.#settings = checked(settings);
    this.#random = new Random(seed);
  }

  get counts(): LinkCounts {
    return { ...this.#counts };
  }

  /** For packets from now on; those on their way arrive as they would have. @throws RangeError */
  set(settings: LinkSettings): void {
    this.#settings = checked(settings);
  }

  /** When the packet arrives: at no time, at one, or at two. `nowMs` never goes back. */
  pass(bytes: number, nowMs: number): readonly number[] {
    this.#counts.packets++;
    if (this.#loses()) {
      this.#counts.lost++;
      return [];
    }
    const sentMs = this.#serialise(bytes, nowMs);
    if (sentMs === undefined) {
      this.#counts.overflowed++;
      return [];
    }
    const arrivalMs = this.#travel(sentMs);
    if (!this.#random.chance(this.#settings.duplicate)) return [arrivalMs];
    this.#counts.duplicated++;
    return [arrivalMs, arrivalMs];
  }

  /** Gilbert's chain: within a burst every packet is lost, outside none. */
  #loses(): boolean {
    const { loss, lossBurst } = this.#settings;
    if (loss >= 1) return true;
    if (loss === 0) {
      // A burst does not outlive what caused it.
      this.#isLosing = false;
      return false;
    }
    const burst = Math.max(lossBurst, 1 / (1 - loss));
    const ends = 1 / burst;
    // So that the share of lost packets is `loss`: begins / (begins + ends).
    const begins = (loss * ends) / (1 - loss);
    this.#isLosing = this.#isLosing ? !this.#random.chance(ends) : this.#random.chance(begins);
    return this.#isLosing;
  }

  /** When the last bit has left the bottleneck; undefined when the queue is full. */
  #serialise(bytes: number, nowMs: number): number | undefined {
    const { rateKbit, queueMs } = this.#settings;
    if (rateKbit === Number.POSITIVE_INFINITY) return nowMs;
    const beginMs = Math.max(nowMs, this.#freeAtMs);
    if (beginMs - nowMs > queueMs) return undefined;
    this.#freeAtMs = beginMs + (bytes * 8) / rateKbit;
    return this.#freeAtMs;
  }

  #travel(sentMs: number): number {
    const { delayMs, jitterMs, reorder, reorderMs } = this.#settings;
    const wayMs = jitterMs === 0 ? delayMs : Math.max(0, delayMs + jitterMs * this.#random.normal());
    if (this.#random.chance(reorder)) {
      this.#counts.reordered++;
      return sentMs + wayMs + reorderMs;
    }
    // Routers keep the order of a flow: a late packet holds up those behind it.
    this.#lastArrivalMs = Math.max(sentMs + wayMs, this.#lastArrivalMs);
    return this.#lastArrivalMs;
  }
}

const SHARES = ['loss', 'reorder', 'duplicate'] as const;
const TIMES = ['delayMs', 'jitterMs', 'queueMs', 'reorderMs'] as const;

function checked(settings: LinkSettings): LinkSettings {
  for (const name of SHARES) {
    if (!(settings[name] >= 0 && settings[name] <= 1)) throw new RangeError(`${name} is a share from 0 to 1`);
  }
  for (const name of TIMES) {
    if (!(settings[name] >= 0 && settings[name] < 60_000)) throw new RangeError(`${name} is from 0 to a minute`);
  }
  if (!(settings.rateKbit > 0)) throw new RangeError('rateKbit is above 0');
  if (!(settings.lossBurst >= 1)) throw new RangeError('lossBurst is at least 1');
  return settings;
}
