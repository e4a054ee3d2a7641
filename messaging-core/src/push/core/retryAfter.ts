// How long to wait before a repeat.

/** Retry-After as seconds or as a date (RFC 9110 §10.2.3); undefined when there is none that can be read. */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  if (!/[a-z]/i.test(text)) return undefined;
  const atMs = Date.parse(text);
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/**
 * Exponential, with the upper half left to chance, so that devices whose service failed at one moment do not all
 * come back at one moment.
 * @param repeat 0 for the first one
 * @param random in [0, 1)
 */
export function backoffMs(repeat: number, random: number, bounds: { firstMs: number; maxMs: number }): number {
  const ceilingMs = Math.min(bounds.firstMs * 2 ** repeat, bounds.maxMs);
  return Math.round(ceilingMs / 2 + (random * ceilingMs) / 2);
}
