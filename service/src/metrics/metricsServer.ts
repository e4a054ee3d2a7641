// Where Prometheus reads: a listener of its own, on loopback unless configured
// otherwise, since the front door passes everything of a service's listener on
// to the world.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { z } from 'zod';
import type { Metrics } from './metrics.ts';

export const METRICS_PATH = '/metrics';

export const metricsFields = {
  port: () =>
    z.coerce
      .number()
      .int()
      .min(0)
      .max(65535)
      .optional()
      .describe(`TCP port of ${METRICS_PATH} for Prometheus; 0 takes a free one. Without it nothing is counted.`),
  host: () =>
    z
      .string()
      .default('127.0.0.1')
      .describe(
        'Address on which the metrics are served. They hold counts and no ids, yet they tell how busy a system is: keep them to a network of yours.',
      ),
};

export interface MetricsServer {
  readonly port: number;
  close(): Promise<void>;
}

/** @throws Error when the port is taken */
export async function serveMetrics(metrics: Metrics, host: string, port: number): Promise<MetricsServer> {
  const endOfProcessMetrics = addProcessMetrics(metrics);
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== METRICS_PATH) {
      response.writeHead(404).end();
      return;
    }
    try {
      const text = metrics.text();
      response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text);
    } catch {
      // What a gauge looks at may not be there yet: the service is still starting.
      response.writeHead(503).end();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        endOfProcessMetrics();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Under the names that Prometheus' own clients use. */
function addProcessMetrics(metrics: Metrics): () => void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  metrics.total('process_cpu_seconds_total', 'Processor time used.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  metrics.gauge('process_resident_memory_bytes', 'Memory held.', () => process.memoryUsage.rss());
  metrics.gauge('process_start_time_seconds', 'Start of the process.', () => performance.timeOrigin / 1000);
  metrics.gauge('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed);
  metrics.gauge('nodejs_eventloop_delay_p99_seconds', 'Delay of the event loop since the last look.', () => {
    const seconds = delay.percentile(99) / 1e9;
    delay.reset();
    return Number.isFinite(seconds) ? seconds : 0;
  });
  return () => delay.disable();
}
