/** Resamples peaks (0 to 255) to so many bars of 0 to 1; the loudest of each stretch, so that short sounds are seen. */
export function waveformBars(peaks: Uint8Array | undefined, count: number): number[] {
  if (peaks === undefined || peaks.length === 0) return new Array<number>(count).fill(0.15);
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * peaks.length) / count);
    const to = Math.max(from + 1, Math.floor(((index + 1) * peaks.length) / count));
    return Math.max(0.08, Math.max(...peaks.subarray(from, to)) / 255);
  });
}
