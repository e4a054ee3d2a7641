// One figure for how good a connection is, from what RTCP and ICE measure.
//
// A plain reading of the E-model (ITU-T G.107, as simplified for VoIP by Cole
// and Rosenbluth, 2001): the rating R starts at 93.2, loses a little with delay,
// more with delay past 177 ms, and with packet loss (the curve of a codec with
// concealment; Opus is of that kind). Jitter counts as the delay of the buffer
// that hides it. R of 80 is "satisfied", below 60 "many dissatisfied" (G.109).
import type { NetworkQuality } from '../../model.ts';

export interface QualitySample {
  readonly roundTripMs: number;
  readonly jitterMs: number;
  /** 0 to 1, of the packets since the last sample. */
  readonly loss: number;
}

const GOOD_R = 80;
const FAIR_R = 60;

export function rating({ roundTripMs, jitterMs, loss }: QualitySample): number {
  const delayMs = roundTripMs / 2 + 2 * jitterMs + 20;
  const delayImpairment = 0.024 * delayMs + (delayMs > 177.3 ? 0.11 * (delayMs - 177.3) : 0);
  const lossImpairment = 30 * Math.log(1 + 15 * Math.min(1, Math.max(0, loss)));
  return 93.2 - delayImpairment - lossImpairment;
}

export function qualityOf(sample: QualitySample | undefined): NetworkQuality {
  if (!sample) return 0;
  const r = rating(sample);
  return r >= GOOD_R ? 3 : r >= FAIR_R ? 2 : 1;
}
