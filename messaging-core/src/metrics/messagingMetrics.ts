// What is counted of messaging-core: the consumer `messaging-metrics` of the
// event log, what pushing comes to, and how many devices are connected here.
import { EventConsumer, type EventLog, type Log, Metrics, type RecordedEvent, serveMetrics } from '@carillon/service';
import type { PushDispatcherOptions } from '../push/io/pushDispatcher.ts';

export interface MessagingMetricsOptions {
  readonly host: string;
  readonly port: number;
  readonly events: EventLog;
  /** Of this process. */
  readonly connectedDevices: () => number;
  readonly log: Log;
}

export interface MessagingMetrics extends Required<Pick<PushDispatcherOptions, 'onPush' | 'onEnd'>> {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws Error when the port is taken */
export async function openMessagingMetrics(options: MessagingMetricsOptions): Promise<MessagingMetrics> {
  const { host, port, events, connectedDevices, log } = options;
  const metrics = new Metrics();
  metrics.gauge('carillon_connected_devices', 'Devices connected to this node.', connectedDevices);
  const count = eventCounters(metrics);
  const pushes = metrics.counter('carillon_pushes_total', 'Requests to push services, by their answer.', [
    'service',
    'outcome',
  ]);
  const wakes = metrics.counter('carillon_wakes_total', 'Wake-ups that are over, by how.', ['urgent', 'end']);
  const server = await serveMetrics(metrics, host, port);
  log.info('metrics', { port: server.port });
  const consumer = new EventConsumer({ events, name: 'messaging-metrics', handle: count, log });
  return {
    port: server.port,
    onPush: (service, outcome) => pushes.add({ service, outcome }),
    onEnd: (end, urgent) => wakes.add({ urgent: String(urgent), end }),
    close: async () => {
      await consumer.stop();
      await server.close();
    },
  };
}

function eventCounters(metrics: Metrics): (recorded: RecordedEvent) => void {
  const connections = metrics.counter('carillon_device_connections_total', 'Connections of devices, begun and ended.', [
    'type',
  ]);
  const devices = metrics.counter('carillon_devices_total', 'Devices added and removed.', ['type']);
  const waiting = metrics.counter('carillon_envelopes_waiting_total', 'Envelopes queued for a device that was away.', [
    'urgent',
  ]);
  const delivered = metrics.counter('carillon_envelopes_delivered_total', 'Envelopes acknowledged by devices.');
  return ({ event }) => {
    switch (event.type) {
      case 'device-connected':
      case 'device-disconnected':
        connections.add({ type: event.type === 'device-connected' ? 'begun' : 'ended' });
        return;
      case 'device-added':
      case 'device-removed':
        devices.add({ type: event.type === 'device-added' ? 'added' : 'removed' });
        return;
      case 'envelope-waiting':
        waiting.add({ urgent: String(event.urgent) });
        return;
      case 'envelopes-delivered':
        delivered.add({}, event.count);
        return;
      // Signaling's, where both share one stream.
      case 'call-ended':
      case 'call-quality':
        return;
      default:
        // A later version's event: passed over.
        event satisfies never;
    }
  };
}
