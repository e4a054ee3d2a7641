// What of the relay Prometheus sees: counts, and no user or address.
import { Metrics } from '@carillon/service';
import type { RelayStats } from './io/relayOptions.ts';

const TOTALS = {
  allocatedTotal: ['turn_allocations_made_total', 'Allocations made.'],
  toPeerPackets: ['turn_to_peer_packets_total', 'Packets relayed from clients to peers.'],
  toPeerBytes: ['turn_to_peer_bytes_total', 'Bytes in them, without headers.'],
  toClientPackets: ['turn_to_client_packets_total', 'Packets relayed from peers to clients.'],
  toClientBytes: ['turn_to_client_bytes_total', 'Bytes in them, without headers.'],
  refusedPackets: ['turn_refused_packets_total', 'Packets that are no message, or that nothing permits.'],
  overQuotaPackets: ['turn_over_quota_packets_total', 'Packets dropped because their user had used up its rate.'],
  backlogPackets: ['turn_backlog_packets_total', 'Packets dropped because a client or the network took no more.'],
  failedPackets: ['turn_failed_packets_total', 'Packets whose handling failed by an error of the relay: a bug.'],
  limitedRequests: ['turn_limited_requests_total', 'Requests left unanswered because their source had its replies.'],
} as const;

const GAUGES = {
  allocations: ['turn_allocations', 'Allocations at the moment.'],
  users: ['turn_users', 'Users with an allocation, or that had one in the last seconds.'],
  connections: ['turn_connections', 'Connections over TCP and TLS.'],
} as const;

export function relayMetrics(stats: () => RelayStats): Metrics {
  const metrics = new Metrics();
  for (const [key, [name, help]] of Object.entries(TOTALS))
    metrics.total(name, help, () => stats()[key as keyof RelayStats]);
  for (const [key, [name, help]] of Object.entries(GAUGES))
    metrics.gauge(name, help, () => stats()[key as keyof RelayStats]);
  return metrics;
}
