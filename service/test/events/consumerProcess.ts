// Started by killedConsumers.ts: tells its parent of each event that it has
// worked on, some time before it commits.
import { setImmediate as turn } from 'node:timers/promises';
import { RedisEventLog } from '../../src/events/redisEventLog.ts';
import { EventConsumer, type EventLog, SqliteEventLog, silentLog } from '../../src/index.ts';
import { countOf } from './eventLogContract.ts';

const [engine, where] = process.argv.slice(2) as [string, string];

async function open(): Promise<EventLog> {
  if (engine === 'sqlite') return new SqliteEventLog(where);
  const [url, key] = where.split(' ') as [string, string];
  // The same name after each kill: what is pending under it comes first.
  return RedisEventLog.connect({ url, key, node: 'consumer', eventsMax: 100_000 });
}

new EventConsumer({
  events: await open(),
  name: 'work',
  log: silentLog,
  handle: async (recorded) => {
    for (let turns = countOf(recorded) % 7; turns > 0; turns--) await turn();
    process.send?.(countOf(recorded));
    await turn();
  },
});
process.on('disconnect', () => process.exit());
