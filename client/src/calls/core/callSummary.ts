// How good a whole call was, gathered second by second in a fixed space: what a
// device says of it once, at its end. No address, no account, no content.
import type { Path, Reading } from './readings.ts';

/** Buckets grow by this factor: a percentile is right within about 5 %. */
const GROWTH = 1.1;
const BUCKETS = 128;

/** Non-negative values by size; 128 counters reach from 0 to about 180,000. */
export class Distribution {
  readonly #counts = new Uint32Array(BUCKETS);
  #total = 0;

  add(value: number): void {
    const bucket = value < 1 ? 0 : 1 + Math.floor(Math.log(value) / Math.log(GROWTH));
    this.#counts[Math.min(bucket, BUCKETS - 1)]!++;
    this.#total++;
  }

  /** The middle of the bucket in which the share (0 to 1) of the values is reached; 0 without any. */
  percentile(share: number): number {
    let seen = 0;
    for (const [bucket, count] of this.#counts.entries()) {
      seen += count;
      if (count > 0 && seen >= share * this.#total) return bucket === 0 ? 0 : GROWTH ** (bucket - 0.5);
    }
    return 0;
  }
}

export interface SummaryReport {
  readonly seconds: number;
  readonly scoreMean: number;
  readonly scoreMin: number;
  readonly roundTripP50Ms: number;
  readonly roundTripP95Ms: number;
  readonly jitterP50Ms: number;
  readonly jitterP95Ms: number;
  /** 0 to 1, of the worse way. */
  readonly lossMean: number;
  readonly lossP95: number;
  readonly path: Path | 'room';
  readonly iceRestarts: number;
  /** Pictures were wanted and left out for the link. */
  readonly audioOnlySeconds: number;
}

export class CallSummary {
  readonly #roundTripsMs = new Distribution();
  readonly #jittersMs = new Distribution();
  /** In thousandths. */
  readonly #losses = new Distribution();
  #seconds = 0;
  #scores = 0;
  #scoreMin = Number.POSITIVE_INFINITY;
  #lossSum = 0;
  #path: Path | 'room' = 'direct';
  #fragment: string | undefined;
  #iceRestarts = 0;
  #audioOnlySeconds = 0;

  add({ inbound, outbound, score, path, iceFragment }: Reading, room: boolean, audioOnly: boolean): void {
    if (path) this.#path = room ? 'room' : path;
    if (iceFragment !== undefined && iceFragment !== this.#fragment) {
      if (this.#fragment !== undefined && !room) this.#iceRestarts++;
      this.#fragment = iceFragment;
    }
    if (audioOnly) this.#audioOnlySeconds++;
    const samples = [inbound, outbound].filter((sample) => sample !== undefined);
    if (samples.length === 0 || score === undefined) return;
    this.#seconds++;
    this.#scores += score;
    this.#scoreMin = Math.min(this.#scoreMin, score);
    const worst = (of: 'roundTripMs' | 'jitterMs' | 'loss') => Math.max(...samples.map((sample) => sample[of]));
    this.#roundTripsMs.add(worst('roundTripMs'));
    this.#jittersMs.add(worst('jitterMs'));
    this.#losses.add(worst('loss') * 1_000);
    this.#lossSum += worst('loss');
  }

  /** Undefined when media never flowed. */
  get report(): SummaryReport | undefined {
    if (this.#seconds === 0) return undefined;
    return {
      seconds: this.#seconds,
      scoreMean: this.#scores / this.#seconds,
      scoreMin: this.#scoreMin,
      roundTripP50Ms: this.#roundTripsMs.percentile(0.5),
      roundTripP95Ms: this.#roundTripsMs.percentile(0.95),
      jitterP50Ms: this.#jittersMs.percentile(0.5),
      jitterP95Ms: this.#jittersMs.percentile(0.95),
      lossMean: this.#lossSum / this.#seconds,
      lossP95: Math.min(1, this.#losses.percentile(0.95) / 1_000),
      path: this.#path,
      iceRestarts: this.#iceRestarts,
      audioOnlySeconds: this.#audioOnlySeconds,
    };
  }
}
