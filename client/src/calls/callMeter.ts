// Looks at a call once a second: how good it is, who speaks, what the link
// carries; and from it what is to be sent.
import type { NetworkQuality } from '../model.ts';
import { CallSummary, type SummaryReport } from './core/callSummary.ts';
import { type Ladder, newLadder, step, type Target, targetOf } from './core/ladder.ts';
import { FINE, type LinkState, nextLinkState } from './core/linkState.ts';
import { barsOf } from './core/quality.ts';
import { NO_TOTALS, type Reading, read, type StatsEntry, type Totals } from './core/readings.ts';

const EVERY_MS = 1_000;
/** Seconds that the bars show the mean of. Fewer: bars that twitch with each lost packet; more: bad news that come late. */
const SHOWN_SECONDS = 4;

export interface MeterReading {
  readonly quality: NetworkQuality;
  readonly speaking: boolean;
  readonly link: LinkState;
}

export interface CallMeterOptions {
  stats(): Promise<readonly StatsEntry[]>;
  /** What the call is at the moment. In a room the SFU chooses what is sent to whom. */
  scene(): { readonly room: boolean; readonly wantsVideo: boolean };
  /** Unix milliseconds. */
  now(): number;
  reading(reading: MeterReading): void;
  /** What the peer link may send; said every second. */
  target(target: Target): void;
}

export class CallMeter {
  readonly #options: CallMeterOptions;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #summary = new CallSummary();
  #totals: Totals = NO_TOTALS;
  #scores: number[] = [];
  #ladder: Ladder;
  #link: LinkState = FINE;
  #busy = false;

  constructor(options: CallMeterOptions) {
    this.#options = options;
    this.#ladder = newLadder(options.now());
    this.#timer = setInterval(() => void this.#look(), EVERY_MS);
  }

  /** Undefined when media never flowed. */
  get report(): SummaryReport | undefined {
    return this.#summary.report;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    try {
      const entries = await this.#options.stats();
      this.#take(entries);
    } catch {
      // A connection that is just being closed has no stats; the next second tells.
    } finally {
      this.#busy = false;
    }
  }

  #take(entries: readonly StatsEntry[]): void {
    const nowMs = this.#options.now();
    const { room, wantsVideo } = this.#options.scene();
    const [reading, totals] = read(entries, this.#totals, nowMs);
    this.#totals = totals;
    if (!room) this.#adapt(reading, wantsVideo, nowMs);
    this.#summary.add(reading, room, this.#link.state === 'paused');
    this.#scores = reading.score === undefined ? [] : [...this.#scores, reading.score].slice(-SHOWN_SECONDS);
    const mean = this.#scores.reduce((sum, score) => sum + score, 0) / this.#scores.length;
    const quality = barsOf(this.#scores.length > 0 ? mean : undefined);
    this.#options.reading({ quality, speaking: reading.speaking, link: room ? FINE : this.#link });
  }

  #adapt({ availableKbps, sendingKbps, outbound, redundant }: Reading, wantsVideo: boolean, nowMs: number): void {
    const loss = outbound?.loss;
    const roundTripMs = outbound?.roundTripMs;
    const sample = { availableKbps, sendingKbps, loss, roundTripMs, wantsVideo, redundant };
    this.#ladder = step(this.#ladder, sample, nowMs);
    const target = targetOf(this.#ladder, wantsVideo);
    this.#link = nextLinkState(this.#link, target, wantsVideo, nowMs);
    this.#options.target(target);
  }
}
