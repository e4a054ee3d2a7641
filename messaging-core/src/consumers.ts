// The event log and who works on it: push and metrics. Without either, in a
// process by itself, nobody would ever read the log, and none is kept; in a
// shared Redis others may.
import path from 'node:path';
import { type EventLog, type Log, openEventLog } from '@carillon/service';
import type { MessagingConfig } from './config.ts';
import type { Engines } from './engines.ts';
import { openMessagingMetrics } from './metrics/messagingMetrics.ts';
import { isPushConfigured } from './push/config.ts';
import { openPushService } from './push/pushService.ts';

export interface ConsumersOptions {
  readonly config: MessagingConfig;
  readonly dataDir: string;
  readonly engines: Engines;
  readonly connectedDevices: () => number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface Consumers {
  /** Undefined: nobody is to be told. */
  readonly events: EventLog | undefined;
  /** For browsers to subscribe with; empty when Web Push is off. */
  readonly vapidPublicKey: Uint8Array;
  /** After the last event. */
  close(): Promise<void>;
}

/** @throws Error in words when something that is configured cannot be set up */
export async function openConsumers(options: ConsumersOptions): Promise<Consumers> {
  const { config, dataDir, engines, connectedDevices, now, log } = options;
  const { CARILLON_REDIS_URL: redisUrl, CARILLON_MESSAGING_METRICS_PORT: port, CARILLON_METRICS_HOST: host } = config;
  if (redisUrl === undefined && port === undefined && !isPushConfigured(config))
    return { events: undefined, vapidPublicKey: new Uint8Array(), close: async () => {} };
  const closings: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const end of closings.reverse()) await end();
  };
  try {
    const file = path.join(dataDir, 'events.db');
    const events = await openEventLog({ redisUrl, node: engines.node, file, log });
    closings.push(() => events.close());
    const metrics =
      port === undefined ? undefined : await openMessagingMetrics({ host, port, events, connectedDevices, log });
    if (metrics) closings.push(() => metrics.close());
    const { store, switchboard, shortLived } = engines;
    const manyNodes = redisUrl !== undefined;
    const hooks = metrics ? { onPush: metrics.onPush, onEnd: metrics.onEnd } : {};
    const shared = { store, switchboard, shortLived, manyNodes, events };
    const push = await openPushService({ config, dataDir, ...shared, now, log, ...hooks });
    closings.push(() => push.close());
    return { events, vapidPublicKey: push.vapidPublicKey, close };
  } catch (error) {
    await close();
    throw error;
  }
}
