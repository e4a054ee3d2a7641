// How good a call is, one way, from what RTCP, ICE and the decoder measure.
//
// The E-model (ITU-T G.107): a rating R starts at 93.2 for a clean narrow-band
// path and loses what delay and loss take from it; its Annex B makes of it the
// mean opinion score that people would give, 1 to 4.5.
//
// Delay: what the ear waits for is half the round trip and the buffer that hides
// jitter, about twice the jitter; up to 160 ms it costs little, past that a point
// for each 10 ms (the simplification that LiveKit publishes).
// Loss: the impairment of G.107, 7.5 for a codec without any of its own (Ie 0)
// and a robustness to loss (Bpl) like that of a codec with concealment (G.113,
// Appendix I gives 19 for G.729A and 25.1 for G.711 with concealment). Where the
// decoder says how much it had to conceal, that counts instead of the packets
// lost: redundancy and FEC bring many of those back.
// R of 80 is "satisfied", below 60 "many dissatisfied" (G.109): the bars.
import type { NetworkQuality } from '../../model.ts';

export interface QualitySample {
  readonly roundTripMs: number;
  readonly jitterMs: number;
  /** 0 to 1, of the packets since the last sample. */
  readonly loss: number;
  /** 0 to 1, of what was played since: made up, since nothing had come. */
  readonly concealed?: number;
}

const CLEAN_R = 93.2;
const LOSS_ROBUSTNESS = 20;
const GOOD_R = 80;
const FAIR_R = 60;

const clamped = (value: number, min: number, max: number) => Math.min(max, Math.max(min, value));

/** R, at most 93.2; below 0 nothing is understood. */
export function rating({ roundTripMs, jitterMs, loss, concealed }: QualitySample): number {
  const delayMs = roundTripMs / 2 + 2 * jitterMs;
  const delayImpairment = delayMs <= 160 ? delayMs / 40 : (delayMs - 120) / 10;
  const lossPercent = 100 * clamped(concealed ?? loss, 0, 1);
  return CLEAN_R - delayImpairment - (95 * lossPercent) / (lossPercent + LOSS_ROBUSTNESS);
}

/** The mean opinion score of a rating (G.107, B.2), 1 to 4.5. */
export function scoreOf(r: number): number {
  if (r <= 0) return 1;
  if (r >= 100) return 4.5;
  // Between 0 and about 6.5 the polynomial falls below 1, which no score does.
  return clamped(1 + 0.035 * r + 7e-6 * r * (r - 60) * (100 - r), 1, 4.5);
}

const GOOD_SCORE = scoreOf(GOOD_R);
const FAIR_SCORE = scoreOf(FAIR_R);

export function barsOf(score: number | undefined): NetworkQuality {
  if (score === undefined) return 0;
  return score >= GOOD_SCORE ? 3 : score >= FAIR_SCORE ? 2 : 1;
}
