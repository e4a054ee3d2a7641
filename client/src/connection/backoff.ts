// Reconnecting: soon at first, then ever slower, and never all clients in step.

export interface BackoffBounds {
  /** Lower: a restarted server meets its clients sooner, and more of them at once. */
  readonly firstMs: number;
  /** Higher: a long outage costs less battery, and its end is noticed later. */
  readonly maxMs: number;
}

export const RECONNECT_BOUNDS: BackoffBounds = { firstMs: 300, maxMs: 15_000 };

/**
 * The wait before attempt `attempt` (from 0): doubling, then between half and
 * all of it at random ("equal jitter"), so that clients of a restarted server spread out.
 * @param random 0 to 1, as from Math.random
 */
export function backoffMs(attempt: number, random: number, bounds: BackoffBounds = RECONNECT_BOUNDS): number {
  const whole = Math.min(bounds.maxMs, bounds.firstMs * 2 ** Math.min(attempt, 30));
  return Math.round(whole / 2 + (whole / 2) * random);
}
