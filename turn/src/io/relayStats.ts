// The sum of what several relays have counted.
import type { RelayStats } from './relayOptions.ts';

export const NO_STATS: RelayStats = {
  allocations: 0,
  users: 0,
  connections: 0,
  allocatedTotal: 0,
  toPeerPackets: 0,
  toPeerBytes: 0,
  toClientPackets: 0,
  toClientBytes: 0,
  refusedPackets: 0,
  overQuotaPackets: 0,
  backlogPackets: 0,
  failedPackets: 0,
  limitedRequests: 0,
};

export function addStats(one: RelayStats, other: RelayStats): RelayStats {
  const keys = Object.keys(NO_STATS) as (keyof RelayStats)[];
  return Object.fromEntries(keys.map((key) => [key, one[key] + other[key]])) as Record<keyof RelayStats, number>;
}

/** What stays counted when a relay has ended: nothing is allocated in it any more. */
export function countsOf(stats: RelayStats): RelayStats {
  return { ...stats, allocations: 0, users: 0, connections: 0 };
}
