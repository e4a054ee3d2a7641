// What ended calls leave behind: an event for whoever counts or bills, and the
// metrics of this service. No account stands in either.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { EventConsumer, type EventLog, type Log, Metrics, openEventLog, serveMetrics } from '@carillon/service';
import type { SignalingConfig } from '../config.ts';
import type { EndedCallNote } from './calls.ts';

export interface CallEventsOptions {
  readonly config: SignalingConfig;
  readonly dataDir: string;
  readonly liveCalls: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface CallEvents {
  /** Undefined where nobody would ever read it. */
  readonly onEnded: ((ended: EndedCallNote) => void) | undefined;
  close(): Promise<void>;
}

/** @throws Error in words when the log or the port cannot be opened */
export async function openCallEvents(options: CallEventsOptions): Promise<CallEvents> {
  const { config, dataDir, now, log } = options;
  const { CARILLON_REDIS_URL: redisUrl, CARILLON_SIGNALING_METRICS_PORT: port } = config;
  if (redisUrl === undefined && port === undefined) return { onEnded: undefined, close: async () => {} };
  const node = config.CARILLON_NODE ?? `signaling-${process.pid}-${randomBytes(3).toString('hex')}`;
  const events = await openEventLog({ redisUrl, node, file: path.join(dataDir, 'events.db'), log });
  let metrics: { close(): Promise<void> } | undefined;
  try {
    metrics = port === undefined ? undefined : await openMetrics(events, port, options);
  } catch (error) {
    await events.close();
    throw error;
  }
  return {
    onEnded: (ended) => {
      events.append({ type: 'call-ended', ...ended }, now()).catch((error: unknown) => {
        log.warn('the end of a call was not noted', { error: String(error) });
      });
    },
    close: async () => {
      await metrics?.close();
      await events.close();
    },
  };
}

async function openMetrics(events: EventLog, port: number, { config, liveCalls, log }: CallEventsOptions) {
  const metrics = new Metrics();
  metrics.gauge('carillon_live_calls', 'Calls that ring or run.', liveCalls);
  const ended = metrics.counter('carillon_calls_ended_total', 'Calls that are over, by why.', ['reason']);
  const seconds = metrics.counter('carillon_call_seconds_total', 'Time of ended calls, ringing included.');
  const server = await serveMetrics(metrics, config.CARILLON_METRICS_HOST, port);
  log.info('metrics', { port: server.port });
  const consumer = new EventConsumer({
    events,
    name: 'signaling-metrics',
    handle: ({ event }) => {
      if (event.type !== 'call-ended') return;
      ended.add({ reason: event.reason });
      seconds.add({}, event.durationMs / 1000);
    },
    log,
  });
  return {
    close: async () => {
      await consumer.stop();
      await server.close();
    },
  };
}
