// Which event log a service has: the shared stream where there is a Redis, else
// a file of its own. Either is kept to its bound.
import type { Log } from '../log.ts';
import type { EventLog } from './eventLog.ts';
import { SqliteEventLog } from './sqliteEventLog.ts';

/** About 200 bytes each. Fewer, and a consumer that was away for a while misses some. */
export const EVENTS_KEPT_MAX = 200_000;
const TRIM_EVERY_MS = 30_000;

export interface EventLogChoice {
  readonly redisUrl: string | undefined;
  /** Names this node among those that share the stream. */
  readonly node: string;
  /** Of the embedded log. */
  readonly file: string;
  readonly log: Log;
}

/** @throws Error in words when it cannot be opened */
export async function openEventLog({ redisUrl, node, file, log }: EventLogChoice): Promise<EventLog> {
  const events = redisUrl ? await connectRedis(redisUrl, node, log) : new SqliteEventLog(file);
  const timer = setInterval(() => {
    events.trim(EVENTS_KEPT_MAX).catch((error: unknown) => log.warn('events not trimmed', { error: String(error) }));
  }, TRIM_EVERY_MS);
  timer.unref();
  const close = events.close.bind(events);
  events.close = () => {
    clearInterval(timer);
    return close();
  };
  return events;
}

/** Loaded only where there is a Redis: the client is a large package. */
async function connectRedis(url: string, node: string, log: Log): Promise<EventLog> {
  const { RedisEventLog } = await import('./redisEventLog.ts');
  const onError = (error: Error) => log.warn('event log', { error: error.message });
  return RedisEventLog.connect({ url, node, eventsMax: EVENTS_KEPT_MAX, onError });
}
