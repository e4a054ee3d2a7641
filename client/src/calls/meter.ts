// Reads a connection's quality and who speaks out of getStats, once a second.
import type { NetworkQuality } from '../model.ts';
import { type QualitySample, qualityOf } from './core/quality.ts';
import type { StatsEntry } from './engine.ts';

const EVERY_MS = 1_000;
/** Of full scale, 0 to 1: louder than a quiet room. */
const SPEAKING_LEVEL = 0.02;

const number = (value: unknown): number => (typeof value === 'number' && Number.isFinite(value) ? value : 0);

interface Totals {
  readonly received: number;
  readonly lost: number;
}

/** What the entries say of the time since `before`; undefined before anything came. */
export function sampleOf(entries: readonly StatsEntry[], before: Totals): { totals: Totals; sample?: QualitySample } {
  let received = 0;
  let lost = 0;
  let jitterMs = 0;
  let roundTripMs = 0;
  for (const entry of entries) {
    if (entry.type === 'inbound-rtp') {
      received += number(entry.packetsReceived);
      lost += number(entry.packetsLost);
      if (entry.kind === 'audio') jitterMs = Math.max(jitterMs, number(entry.jitter) * 1000);
    } else if (entry.type === 'candidate-pair' && entry.nominated) {
      roundTripMs = Math.max(roundTripMs, number(entry.currentRoundTripTime) * 1000);
    }
  }
  const totals = { received, lost };
  const newReceived = Math.max(0, received - before.received);
  const newLost = Math.max(0, lost - before.lost);
  if (newReceived + newLost === 0) return { totals };
  return { totals, sample: { roundTripMs, jitterMs, loss: newLost / (newReceived + newLost) } };
}

export function isSpeaking(entries: readonly StatsEntry[]): boolean {
  return entries.some(
    (entry) => entry.type === 'inbound-rtp' && entry.kind === 'audio' && number(entry.audioLevel) > SPEAKING_LEVEL,
  );
}

export class Meter {
  readonly #timer: ReturnType<typeof setInterval>;
  #totals: Totals = { received: 0, lost: 0 };
  #busy = false;

  constructor(
    stats: () => Promise<readonly StatsEntry[]>,
    onReading: (quality: NetworkQuality, speaking: boolean) => void,
  ) {
    this.#timer = setInterval(async () => {
      if (this.#busy) return;
      this.#busy = true;
      try {
        const entries = await stats();
        const { totals, sample } = sampleOf(entries, this.#totals);
        this.#totals = totals;
        onReading(qualityOf(sample), isSpeaking(entries));
      } catch {
        // A connection that is just being closed has no stats; the next second tells.
      } finally {
        this.#busy = false;
      }
    }, EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
