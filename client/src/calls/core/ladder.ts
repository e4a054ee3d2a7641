// What a peer call may send as its link falls and rises: a ladder of pairs, an
// audio bitrate and a bound for all video together.
//
// The theory. Congestion control (GCC) already keeps a sender below what it
// thinks the link carries; the ladder decides how that is shared. Audio comes
// first: a rung is only held while the estimate carries its audio, with headers
// and redundancy, and its video beside it. Below the last picture worth having,
// the call goes on with audio alone, and audio itself goes down to 8 kbit/s.
//
// Down is quick, and over as many rungs as the link has lost, but not for one
// odd second. Up is slow: an estimate cannot be much higher than what is being
// sent, so that a rung up is a trial. One that fails doubles the time until the
// next, so that a link that goes up and down does not take the picture with it.
// Before the picture comes back, better audio tries whether there is room: a
// trial that fails is not seen.
//
// An estimate is believed only while the sender fills it: a sender with little
// to say (a still picture, a silent microphone) has a low one for no bad reason.
// Of audio alone it is not believed without a loss or a queue: where packets
// come unevenly, congestion control goes below whatever is sent, and audio that
// followed it would go down to the last rung on a link with room for pictures.

export interface Rung {
  /** Of the Opus encoder, kbit/s. */
  readonly audioKbps: number;
  /** For all pictures together, kbit/s; 0: audio only. */
  readonly videoKbpsMax: number;
}

export const RUNGS: readonly Rung[] = [
  { audioKbps: 50, videoKbpsMax: 1_500 },
  { audioKbps: 50, videoKbpsMax: 800 },
  { audioKbps: 50, videoKbpsMax: 400 },
  { audioKbps: 32, videoKbpsMax: 200 },
  { audioKbps: 32, videoKbpsMax: 100 },
  { audioKbps: 50, videoKbpsMax: 0 },
  { audioKbps: 32, videoKbpsMax: 0 },
  { audioKbps: 24, videoKbpsMax: 0 },
  { audioKbps: 16, videoKbpsMax: 0 },
  { audioKbps: 12, videoKbpsMax: 0 },
  { audioKbps: 8, videoKbpsMax: 0 },
];
const AUDIO_ONLY = RUNGS.findIndex(({ videoKbpsMax }) => videoKbpsMax === 0);

/** What RED (RFC 2198) makes of audio, as measured in Chromium: a second copy of what is not silence. */
const REDUNDANT_SHARE = 1.65;
/** 50 packets/s of IPv4, UDP, SRTP and header extensions: about 58 bytes each. */
const AUDIO_HEADERS_KBPS = 23;
/** Of the estimate; the rest drains what queued. Higher sends more and lags more. */
const SHARE = 0.95;
/** A rung is kept with this share of its video: the encoder makes do with what there is. Higher: a trial has no time to grow. */
const KEEPS = 0.5;
/** The last picture is kept with as little as browsers' encoders go down to. */
const LAST_PICTURE_KBPS = 30;
/** What the picture has to find before it comes back. */
const COMES_BACK_KBPS = 40;
/** Below this share of the estimate the sender does not fill it. */
const FILLS = 0.75;

/** A link that is too narrow for this long is. Lower follows dips that last a second. */
const DOWN_AFTER_MS = 2_000;
/** Before the picture goes where the sound has room: the encoder makes do with almost nothing. Lower takes it away more often. */
const PAUSE_AFTER_MS = 3_500;
/** Until congestion control has found its first estimate. */
const START_MS = 5_000;
/** Of loss or a queue that the estimate does not show. One rung, then again. */
const BAD_AFTER_MS = 4_000;
const LOSS_BAD = 0.2;
const QUEUE_BAD_MS = 600;
/** Both together are a full queue, not a link that loses by itself: audio has to become less, too. */
const LOSS_FULL = 0.1;
const QUEUE_FULL_MS = 150;
const FULL_RUNGS = 2;
/** Receiver reports of audio alone come about every 5 s (RFC 3550, section 6.2): the next one tells whether it helped. */
const FULL_EVERY_MS = 6_000;
/** What has to hold for a trial. */
const LOSS_CALM = 0.05;
const QUEUE_CALM_MS = 200;
/** A queue as well, where none was ever seen empty; further away nobody is. */
const ROUND_TRIP_MS_MAX = 1_500;
const CALM_MS = 3_000;
/** A rung that was held for this long after going up to it was right. */
const PROVEN_MS = 4_000;
/** Going down this soon after going up: the trial has failed. */
const FAILED_WITHIN_MS = 20_000;
const HOLD_MIN_MS = 10_000;
/** The longest pause between trials on a bad link. Higher: a link that has healed is used later. */
const HOLD_MAX_MS = 40_000;
/** After this time without going down, failures are forgotten. */
const FORGET_MS = 90_000;
/** The shortest round trip of about this long is the link's own; what is above it waits in queues. */
const BASE_FORGET_PER_SAMPLE = 0.005;

export type Why = 'narrow' | 'lossy' | 'slow';

/** Of one second. */
export interface LinkSample {
  /** What congestion control thinks the link carries; undefined where it does not say. */
  readonly availableKbps: number | undefined;
  /** What was sent, headers included. */
  readonly sendingKbps: number;
  /** As the other end reported, 0 to 1. */
  readonly loss: number | undefined;
  readonly roundTripMs: number | undefined;
  /** A camera or a screen is on. */
  readonly wantsVideo: boolean;
  /** Audio goes by RED. */
  readonly redundant: boolean;
}

export interface Ladder {
  readonly rung: number;
  /** Why it is not the highest; undefined there. */
  readonly why: Why | undefined;
  readonly sinceMs: number;
  readonly startedAtMs: number;
  /** When it last went up, and down. */
  readonly upAtMs: number | undefined;
  readonly downAtMs: number | undefined;
  readonly holdMs: number;
  /** Too narrow since, and the best rung that would have done meanwhile. */
  readonly narrow: { readonly sinceMs: number; readonly rung: number } | undefined;
  readonly bad: { readonly sinceMs: number; readonly why: Why } | undefined;
  /** The queue of the link is full. */
  readonly isFull: boolean;
  readonly calmSinceMs: number | undefined;
  readonly baseRoundTripMs: number | undefined;
}

export function newLadder(nowMs: number): Ladder {
  return {
    rung: 0,
    why: undefined,
    sinceMs: nowMs,
    startedAtMs: nowMs,
    upAtMs: undefined,
    downAtMs: undefined,
    holdMs: HOLD_MIN_MS,
    narrow: undefined,
    bad: undefined,
    isFull: false,
    calmSinceMs: undefined,
    baseRoundTripMs: undefined,
  };
}

export interface Target extends Rung {
  /** A picture is wanted, and not sent. */
  readonly audioOnly: boolean;
  readonly why: Why | undefined;
}

export function targetOf({ rung, why }: Ladder, wantsVideo: boolean): Target {
  const { audioKbps, videoKbpsMax } = RUNGS[rung]!;
  return {
    audioKbps,
    videoKbpsMax,
    audioOnly: wantsVideo && videoKbpsMax === 0,
    why,
  };
}

type Scene = Pick<LinkSample, 'wantsVideo' | 'redundant'>;

/** What a rung takes of the link, kbit/s: its audio, and all of its video unless `videoKbps` says otherwise. */
export function needKbps(rung: number, scene: Scene, videoKbps = RUNGS[rung]!.videoKbpsMax): number {
  const { audioKbps } = RUNGS[rung]!;
  const audio = audioKbps * (scene.redundant ? REDUNDANT_SHARE : 1) + AUDIO_HEADERS_KBPS;
  return audio + (scene.wantsVideo ? videoKbps : 0);
}

function leastKbps(rung: number, scene: Scene): number {
  return needKbps(rung, scene, rung === AUDIO_ONLY - 1 ? LAST_PICTURE_KBPS : RUNGS[rung]!.videoKbpsMax * KEEPS);
}

/** The highest rung that the estimate carries. */
function fitting(sample: LinkSample, need: (rung: number, scene: Scene) => number): number {
  const carriesKbps = (sample.availableKbps ?? Number.POSITIVE_INFINITY) * SHARE;
  const rung = RUNGS.findIndex((_, index) => need(index, sample) <= carriesKbps);
  return rung === -1 ? RUNGS.length - 1 : rung;
}

export function step(before: Ladder, sample: LinkSample, nowMs: number): Ladder {
  const ladder = observe(before, sample, nowMs);
  return goDown(ladder, sample, nowMs) ?? goUp(ladder, sample, nowMs) ?? ladder;
}

/** What this second adds to what is known; the rung stays. */
function observe(ladder: Ladder, sample: LinkSample, nowMs: number): Ladder {
  const { roundTripMs, loss = 0, availableKbps } = sample;
  const baseRoundTripMs = nextBase(ladder.baseRoundTripMs, roundTripMs);
  const queueMs = roundTripMs === undefined || baseRoundTripMs === undefined ? 0 : roundTripMs - baseRoundTripMs;
  const fills = fillsEstimate(sample);
  const fit = fitting(sample, leastKbps);
  const isShort = availableKbps !== undefined && leastKbps(ladder.rung, sample) > availableKbps * SHARE;
  const isLate = queueMs > QUEUE_CALM_MS || (roundTripMs ?? 0) > ROUND_TRIP_MS_MAX;
  const suffers = loss > LOSS_CALM || isLate;
  const isAudio = sendsAudioOnly(ladder, sample);
  const isNarrow = fills && isShort && (!isAudio || suffers) && nowMs - ladder.startedAtMs >= START_MS;
  const badWhy: Why | undefined = loss >= LOSS_BAD ? 'lossy' : queueMs >= QUEUE_BAD_MS ? 'slow' : undefined;
  const up = nextUp(ladder.rung, sample);
  const carries = isAudio || !fills || hasRoom(leastKbps(up, sample), sample);
  const isCalm = carries && !suffers;
  return {
    ...ladder,
    baseRoundTripMs,
    narrow: isNarrow
      ? { sinceMs: ladder.narrow?.sinceMs ?? nowMs, rung: Math.min(fit, ladder.narrow?.rung ?? fit) }
      : undefined,
    isFull: loss >= LOSS_FULL && queueMs >= QUEUE_FULL_MS,
    bad: badWhy && { sinceMs: ladder.bad?.sinceMs ?? nowMs, why: badWhy },
    calmSinceMs: isCalm ? (ladder.calmSinceMs ?? nowMs) : undefined,
    holdMs: nowMs - (ladder.downAtMs ?? nowMs) > FORGET_MS ? HOLD_MIN_MS : ladder.holdMs,
  };
}

function nextBase(base: number | undefined, roundTripMs: number | undefined): number | undefined {
  if (roundTripMs === undefined || base === undefined) return base ?? roundTripMs;
  // It rises slowly, so that a longer way after a network change is not taken for a queue for ever.
  return roundTripMs < base ? roundTripMs : base + (roundTripMs - base) * BASE_FORGET_PER_SAMPLE;
}

function goDown(ladder: Ladder, sample: LinkSample, nowMs: number): Ladder | undefined {
  const { narrow, bad, rung } = ladder;
  const pauses = sample.wantsVideo && rung < AUDIO_ONLY && narrow !== undefined && narrow.rung >= AUDIO_ONLY;
  const afterMs = pauses && hasRoom(needKbps(rung, sample, 0), sample) ? PAUSE_AFTER_MS : DOWN_AFTER_MS;
  if (narrow && nowMs - narrow.sinceMs >= afterMs) {
    // Better audio is for a link that has shown its room, not for one that has just lost it.
    return downTo(ladder, narrow.rung === AUDIO_ONLY ? AUDIO_ONLY + 1 : narrow.rung, 'narrow', nowMs);
  }
  if (
    ladder.isFull &&
    sendsAudioOnly(ladder, sample) &&
    nowMs - (ladder.downAtMs ?? 0) >= FULL_EVERY_MS &&
    rung < RUNGS.length - 1
  ) {
    return downTo(ladder, Math.min(rung + FULL_RUNGS, RUNGS.length - 1), 'narrow', nowMs);
  }
  // Loss and queues give up pictures, one step at a time; audio at a lower rate would be lost as often.
  if (bad && nowMs - bad.sinceMs >= BAD_AFTER_MS && rung < AUDIO_ONLY && sample.wantsVideo) {
    return downTo(ladder, rung + 1, bad.why, nowMs);
  }
  return undefined;
}

function downTo(ladder: Ladder, rung: number, why: Why, nowMs: number): Ladder {
  const failed = ladder.upAtMs !== undefined && nowMs - ladder.upAtMs < FAILED_WITHIN_MS;
  return {
    ...ladder,
    ...{ rung, why },
    sinceMs: nowMs,
    downAtMs: nowMs,
    upAtMs: undefined,
    holdMs: failed ? Math.min(HOLD_MAX_MS, ladder.holdMs * 2) : ladder.holdMs,
    narrow: undefined,
    bad: undefined,
    calmSinceMs: undefined,
  };
}

function goUp(ladder: Ladder, sample: LinkSample, nowMs: number): Ladder | undefined {
  const { rung, calmSinceMs, downAtMs, upAtMs, holdMs, why } = ladder;
  if (rung === 0 || calmSinceMs === undefined || nowMs - calmSinceMs < CALM_MS) return undefined;
  const downForMs = nowMs - (downAtMs ?? 0);
  if (downForMs < holdMs || (upAtMs !== undefined && nowMs - upAtMs < PROVEN_MS)) return undefined;
  const up = nextUp(rung, sample);
  const comesBack = sample.wantsVideo && RUNGS[rung]!.videoKbpsMax === 0 && RUNGS[up]!.videoKbpsMax > 0;
  // An estimate may stand still while only audio is sent: in the end the picture itself is the trial.
  const mayTry = downForMs >= HOLD_MAX_MS && !fillsEstimate(sample);
  if (comesBack && !mayTry && !hasRoom(needKbps(up, sample, COMES_BACK_KBPS), sample)) return undefined;
  // An estimate that shows room for more than one rung is believed.
  const next = sample.availableKbps === undefined ? up : Math.min(up, fitting(sample, needKbps));
  return {
    ...ladder,
    rung: next,
    why: next === 0 ? undefined : why,
    sinceMs: nowMs,
    upAtMs: nowMs,
    narrow: undefined,
    bad: undefined,
  };
}

/** The next rung up that sends more; of those that send the same, the highest. */
function nextUp(rung: number, sample: LinkSample): number {
  const need = (index: number) => needKbps(index, sample);
  let up = Math.max(0, rung - 1);
  while (up > 0 && need(up) <= need(rung)) up--;
  while (up > 0 && need(up - 1) === need(up)) up--;
  return up;
}

function hasRoom(kbps: number, { availableKbps }: LinkSample): boolean {
  return availableKbps !== undefined && kbps <= availableKbps * SHARE;
}

function fillsEstimate({ availableKbps, sendingKbps }: LinkSample): boolean {
  return availableKbps !== undefined && sendingKbps >= FILLS * availableKbps;
}

function sendsAudioOnly({ rung }: Ladder, { wantsVideo }: LinkSample): boolean {
  return !wantsVideo || RUNGS[rung]!.videoKbpsMax === 0;
}
