/** What a waveform is drawn from. */
const PEAKS = 64;

/** The loudest sample of each 64th, relative to the loudest of all: 0 to 255. */
export function peaksOf(samples: Float32Array): Uint8Array<ArrayBuffer> {
  const peaks = new Float64Array(Math.min(PEAKS, samples.length));
  for (let i = 0; i < samples.length; i++) {
    const at = Math.floor((i * peaks.length) / samples.length);
    peaks[at] = Math.max(peaks[at]!, Math.abs(samples[i]!));
  }
  const loudest = peaks.reduce((max, peak) => Math.max(max, peak), 0) || 1;
  return Uint8Array.from(peaks, (peak) => Math.round((peak / loudest) * 255));
}
