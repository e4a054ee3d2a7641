import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { SqliteEventLog } from '../../src/index.ts';
import { delivered, eventLogContract } from './eventLogContract.ts';
import { killedConsumers } from './killedConsumers.ts';

eventLogContract({
  name: 'sqlite',
  make: async (t) => {
    const dir = await mkdtemp(path.join(tmpdir(), 'carillon-events-'));
    t.after(() => rm(dir, { recursive: true, force: true }));
    return { open: async () => new SqliteEventLog(path.join(dir, 'events.db')) };
  },
});

test('[EVENT-7] sqlite: a consumer killed between its work and its commit sees the event again; none is lost', async (t) => {
  const dir = await mkdtemp(path.join(tmpdir(), 'carillon-events-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const file = path.join(dir, 'events.db');
  const log = new SqliteEventLog(file);
  await Promise.all(Array.from({ length: 300 }, (_, index) => log.append(delivered(index + 1), 0)));
  await log.close();
  await killedConsumers({ engine: 'sqlite', where: file, events: 300 });
});

test('sqlite: a log that is closed takes nothing, and closes once', async () => {
  const log = new SqliteEventLog(':memory:');
  const under = log.append(delivered(1), 0);
  await log.close();
  await under;
  await log.close();
  await assert.rejects(log.append(delivered(2), 0), { code: 'shutting-down' });
});
