// How many bits a second a video may have to stay within the size budget, and how
// large a picture those bits can fill.

export const VIDEO_BYTES_MAX = 64 * 1024 * 1024;
export const AUDIO_BPS = 96_000;
/** 720p at 30 fps looks good from here on; more only costs the receiver. */
const VIDEO_BPS_MAX = 2_500_000;
/** Below this nothing is recognisable. */
const VIDEO_BPS_MIN = 120_000;
/** Container, and the encoder's overshoot. */
const SHARE_OF_MEDIA = 0.92;

export interface VideoBudget {
  readonly videoBps: number;
  /** Longest edge, pixels. */
  readonly edgeMax: number;
}

/** Undefined when no bitrate worth watching fits. */
export function videoBudget(durationMs: number): VideoBudget | undefined {
  const available = (VIDEO_BYTES_MAX * 8 * SHARE_OF_MEDIA) / Math.max(1, durationMs / 1000) - AUDIO_BPS;
  if (available < VIDEO_BPS_MIN) return undefined;
  const videoBps = Math.round(Math.min(VIDEO_BPS_MAX, available));
  const edgeMax = videoBps >= 1_000_000 ? 1280 : videoBps >= 400_000 ? 854 : 640;
  return { videoBps, edgeMax };
}
