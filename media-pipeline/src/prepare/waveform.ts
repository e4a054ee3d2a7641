// A voice note's picture: the loudest sample of each of 64 equal spans.

export const WAVEFORM_PEAKS = 64;

/** @param samples signed 16-bit PCM, mono. Peaks 0 to 255, silence is 0. */
export function waveformOf(samples: Int16Array): Uint8Array<ArrayBuffer> {
  const peaks = new Uint8Array(WAVEFORM_PEAKS);
  for (let i = 0; i < WAVEFORM_PEAKS; i++) {
    const start = Math.floor((i * samples.length) / WAVEFORM_PEAKS);
    const end = Math.floor(((i + 1) * samples.length) / WAVEFORM_PEAKS);
    let peak = 0;
    for (let at = start; at < end; at++) peak = Math.max(peak, Math.abs(samples[at]!));
    peaks[i] = Math.min(255, Math.round((peak * 255) / 32_767));
  }
  return peaks;
}
