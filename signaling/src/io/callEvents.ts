// What ended calls leave behind: an event for whoever counts or bills, and the
// metrics of this service. No account stands in either.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import {
  type CarillonEvent,
  EventConsumer,
  type EventLog,
  type Log,
  Metrics,
  openEventLog,
  serveMetrics,
} from '@carillon/service';
import type { SignalingConfig } from '../config.ts';
import type { EndedCallNote } from './calls.ts';
import type { QualityNote } from './qualityReports.ts';

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
  readonly onQuality: ((note: QualityNote) => void) | undefined;
  close(): Promise<void>;
}

/** @throws Error in words when the log or the port cannot be opened */
export async function openCallEvents(options: CallEventsOptions): Promise<CallEvents> {
  const { config, dataDir, now, log } = options;
  const { CARILLON_REDIS_URL: redisUrl, CARILLON_SIGNALING_METRICS_PORT: port } = config;
  if (redisUrl === undefined && port === undefined) {
    return { onEnded: undefined, onQuality: undefined, close: async () => {} };
  }
  const node = config.CARILLON_NODE ?? `signaling-${process.pid}-${randomBytes(3).toString('hex')}`;
  const events = await openEventLog({ redisUrl, node, file: path.join(dataDir, 'events.db'), log });
  let metrics: { close(): Promise<void> } | undefined;
  try {
    metrics = port === undefined ? undefined : await openMetrics(events, port, options);
  } catch (error) {
    await events.close();
    throw error;
  }
  const append = (event: CarillonEvent) => {
    events.append(event, now()).catch((error: unknown) => {
      log.warn('an event of a call was not noted', { type: event.type, error: String(error) });
    });
  };
  return {
    onEnded: (ended) => append({ type: 'call-ended', ...ended }),
    onQuality: (note) => append({ type: 'call-quality', ...note }),
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
  const countQuality = qualityMetrics(metrics);
  const server = await serveMetrics(metrics, config.CARILLON_METRICS_HOST, port);
  log.info('metrics', { port: server.port });
  const consumer = new EventConsumer({
    events,
    name: 'signaling-metrics',
    handle: ({ event }) => {
      if (event.type === 'call-ended') {
        ended.add({ reason: event.reason });
        seconds.add({}, event.durationMs / 1000);
      } else if (event.type === 'call-quality') {
        countQuality(event);
      }
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

/** One observation for each device that said how good its call was. */
function qualityMetrics(metrics: Metrics): (note: QualityNote) => void {
  const path = ['path'] as const;
  const mean = [1, 1.5, 2, 2.5, 3, 3.3, 3.6, 3.8, 4, 4.2, 4.4];
  const seconds = [0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2];
  const losses = [0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5];
  const scores = metrics.histogram('carillon_call_mos', 'Mean opinion score of calls (E-model).', mean, path);
  const trips = metrics.histogram('carillon_call_round_trip_seconds', 'Median round trip of calls.', seconds, path);
  const lost = metrics.histogram('carillon_call_loss_ratio', 'Packets lost in calls.', losses, path);
  const restarts = metrics.counter('carillon_call_ice_restarts_total', 'ICE restarts in calls.');
  const audioOnly = metrics.counter('carillon_call_audio_only_seconds_total', 'Seconds without pictures for the link.');
  return (note) => {
    scores.observe(note, note.scoreMean);
    trips.observe(note, note.roundTripP50Ms / 1000);
    lost.observe(note, note.lossMean);
    restarts.add({}, note.iceRestarts);
    audioOnly.add({}, note.audioOnlySeconds);
  };
}
