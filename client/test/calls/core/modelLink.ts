// A sender on a link, second by second: congestion control as GCC does it
// (draft-ietf-rmcat-gcc-02) in its outlines. An estimate above what the link
// carries falls to 85 % of it; otherwise it grows by 8 % a second, and not past
// one and a half times what is being sent.
import {
  type Ladder,
  type LinkSample,
  needKbps,
  newLadder,
  RUNGS,
  step,
  targetOf,
} from '../../../src/calls/core/ladder.ts';

export interface LinkTrace {
  /** kbit/s, by second. */
  readonly capacityKbps: readonly number[];
  readonly loss?: readonly number[];
  readonly wantsVideo?: boolean;
  /** What the camera would use of any bound. Default: all. */
  readonly pictureKbps?: number;
}

export interface Second {
  readonly ladder: Ladder;
  readonly capacityKbps: number;
  readonly sendingKbps: number;
  readonly availableKbps: number;
}

const START_KBPS = 1_000;

export function play({
  capacityKbps,
  loss = [],
  wantsVideo = true,
  pictureKbps = Number.POSITIVE_INFINITY,
}: LinkTrace) {
  let ladder = newLadder(0);
  let availableKbps = START_KBPS;
  let queueMs = 0;
  const seconds: Second[] = [];
  const scene: Pick<LinkSample, 'wantsVideo' | 'redundant'> = { wantsVideo, redundant: true };
  for (const [second, carriesKbps] of capacityKbps.entries()) {
    const audioKbps = needKbps(ladder.rung, { ...scene, wantsVideo: false });
    const { videoKbpsMax } = targetOf(ladder, wantsVideo);
    // The picture gets what audio leaves of the estimate.
    const room = Math.max(0, Math.min(videoKbpsMax, pictureKbps, availableKbps - audioKbps));
    const sendingKbps = audioKbps + (wantsVideo ? room : 0);
    const overKbps = sendingKbps - carriesKbps;
    queueMs = Math.min(2_000, Math.max(0, queueMs + (1_000 * overKbps) / carriesKbps));
    if (overKbps > 0) availableKbps = 0.85 * carriesKbps;
    else availableKbps = Math.max(availableKbps, Math.min(availableKbps * 1.08, 1.5 * sendingKbps + 10));
    const lost = loss[second] ?? 0;
    const sample = { ...scene, availableKbps, sendingKbps, loss: lost, roundTripMs: 60 + queueMs };
    ladder = step(ladder, sample, second * 1_000);
    seconds.push({ ladder, capacityKbps: carriesKbps, sendingKbps, availableKbps });
  }
  return seconds;
}

/** Times that what is sent changed. */
export function changesOf(seconds: readonly Second[]): number {
  return seconds.filter(({ ladder }, index) => index > 0 && seconds[index - 1]!.ladder.rung !== ladder.rung).length;
}

/** Times that the picture went or came. */
export function pictureChangesOf(seconds: readonly Second[]): number {
  const shown = seconds.map(({ ladder }) => RUNGS[ladder.rung]!.videoKbpsMax > 0);
  return shown.filter((is, index) => index > 0 && shown[index - 1] !== is).length;
}

export const lasting = (seconds: number, value: number): number[] => Array<number>(seconds).fill(value);
