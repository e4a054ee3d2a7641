// Who is still there. Time is counted in ticks of one timer for all sockets of
// a server, not read from a clock: a process that was held up, or a machine that
// slept, counts few ticks and so takes nobody for silent whose frames it has not
// read yet. A socket then only remembers the tick at which it was last heard.
import { LIMITS } from '@carillon/protocol';

export interface HeartbeatBounds {
  /** Shorter asked for counts as this: each sign of life costs both ends a wake-up. */
  readonly minMs: number;
  /** Longer asked for counts as this: a dead socket is held, and believed to be connected, for so long. */
  readonly maxMs: number;
  /** For who does not ask. */
  readonly defaultMs: number;
}

export const HEARTBEAT: HeartbeatBounds = {
  minMs: LIMITS.heartbeatMinMs,
  maxMs: LIMITS.heartbeatMaxMs,
  defaultMs: 30_000,
};

/** Intervals of silence that end a socket: one sign of life may get lost or be late, two are too many. */
const INTERVALS_MISSED_MAX = 2.5;
/** More ticks: ends are noticed more exactly, and all sockets are looked at more often. */
const TICKS_PER_SHORTEST = 4;

export class Heartbeat {
  /** Grows by one every `tickMs`. */
  tick = 0;
  readonly tickMs: number;
  readonly #bounds: HeartbeatBounds;

  constructor(bounds: HeartbeatBounds = HEARTBEAT) {
    this.#bounds = bounds;
    this.tickMs = bounds.minMs / TICKS_PER_SHORTEST;
  }

  /** @param askedMs as in the hello; 0 leaves it to the server */
  intervalMs(askedMs: number): number {
    const { minMs, maxMs, defaultMs } = this.#bounds;
    return askedMs === 0 ? defaultMs : Math.min(maxMs, Math.max(minMs, askedMs));
  }

  /**
   * Who asked for an interval gives signs of life by itself (a browser does not see pings); who did not is pinged,
   * once an interval of silence.
   * @param heardAt the tick at which the peer was last heard
   * @param pings since then
   */
  judge(askedMs: number, heardAt: number, pings: number): 'alive' | 'ping' | 'missed' {
    const intervalMs = this.intervalMs(askedMs);
    // It may have been heard at any moment between two ticks: the silence is at least this long.
    const silentMs = (this.tick - heardAt - 1) * this.tickMs;
    if (silentMs >= intervalMs * INTERVALS_MISSED_MAX) return 'missed';
    return askedMs === 0 && silentMs >= intervalMs * (pings + 1) ? 'ping' : 'alive';
  }
}
