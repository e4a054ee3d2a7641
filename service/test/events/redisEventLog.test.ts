import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { createClient } from 'redis';
import { RedisEventLog } from '../../src/events/redisEventLog.ts';
import { RedisServer } from '../../src/testing/redisServer.ts';
import { countOf, delivered, eventLogContract } from './eventLogContract.ts';
import { killedConsumers } from './killedConsumers.ts';

let redis: RedisServer;
before(async () => {
  redis = await RedisServer.run();
});
after(() => redis.stop());

const connect = (key: string, node: string, claimIdleMs = 60_000) =>
  RedisEventLog.connect({ url: redis.url, node, key, claimIdleMs, eventsMax: 100_000 });

eventLogContract({
  name: 'redis',
  make: async () => {
    const key = randomUUID();
    return { open: () => connect(key, 'one') };
  },
});

test('[EVENT-4] redis: nodes that share a consumer name share its events, each to one of them', async (t) => {
  const key = randomUUID();
  const nodes = [await connect(key, 'one'), await connect(key, 'two')];
  t.after(() => Promise.all(nodes.map((node) => node.close())));
  for (let n = 1; n <= 40; n++) await nodes[0]!.append(delivered(n), 0);
  const seen: number[] = [];
  while (seen.length < 40) {
    for (const node of nodes) {
      const batch = await node.read('push', 7, 0);
      seen.push(...batch.map(countOf));
      if (batch.length > 0) await node.commit('push', batch.at(-1)!.position);
    }
  }
  assert.deepEqual(
    seen.sort((a, b) => a - b),
    Array.from({ length: 40 }, (_, index) => index + 1),
  );
  for (const node of nodes) assert.deepEqual(await node.read('push', 7, 0), []);
});

test('[EVENT-4] redis: what a dead node did not commit goes to another, and to no one twice meanwhile', async (t) => {
  const key = randomUUID();
  const dying = await connect(key, 'dying');
  for (const n of [1, 2, 3]) await dying.append(delivered(n), 0);
  const given = await dying.read('push', 2, 0);
  await dying.commit('push', given[0]!.position);
  await dying.close();
  const heir = await connect(key, 'heir', 40);
  t.after(() => heir.close());
  assert.deepEqual((await heir.read('push', 10, 0)).map(countOf), [3], 'the second may still be worked on');
  const inherited: number[] = [];
  while (inherited.length === 0) inherited.push(...(await heir.read('push', 10, 10)).map(countOf));
  assert.deepEqual(inherited, [2]);
  // Both are with this node now, though idle for longer than the bound: not given out again.
  for (let round = 0; round < 6; round++) assert.deepEqual(await heir.read('push', 10, 15), []);
});

test('[EVENT-4] redis: a node that takes its time keeps what it works on', async (t) => {
  const key = randomUUID();
  const nodes = [await connect(key, 'slow', 60), await connect(key, 'other', 60)];
  t.after(() => Promise.all(nodes.map((node) => node.close())));
  const [slow, other] = nodes as [RedisEventLog, RedisEventLog];
  await slow.append(delivered(1), 0);
  assert.deepEqual((await slow.read('push', 1, 0)).map(countOf), [1]);
  for (let round = 0; round < 15; round++) {
    const [ofSlow, ofOther] = await Promise.all([slow.read('push', 1, 10), other.read('push', 1, 10)]);
    assert.deepEqual([ofSlow, ofOther], [[], []]);
  }
});

test('redis: what is no event is passed over, and a stream that vanished is begun anew', async (t) => {
  const key = randomUUID();
  const log = await connect(key, 'one');
  const client = createClient({ url: redis.url });
  await client.connect();
  t.after(async () => {
    await log.close();
    await client.close();
  });
  await client.xAdd(key, '*', { e: 'no json', t: '1' });
  await client.xAdd(key, '*', { other: 'field' });
  await log.append(delivered(1), 0);
  assert.deepEqual((await log.read('a', 10, 0)).map(countOf), [1]);
  await client.del(key);
  await log.append(delivered(2), 0);
  assert.deepEqual(await log.read('a', 10, 0), []);
  assert.deepEqual((await log.read('a', 10, 0)).map(countOf), [2]);
});

test('[EVENT-7] redis: a consumer killed between its work and its commit sees the event again; none is lost', async (t) => {
  const key = randomUUID();
  const log = await connect(key, 'writer');
  t.after(() => log.close());
  await Promise.all(Array.from({ length: 300 }, (_, index) => log.append(delivered(index + 1), 0)));
  await killedConsumers({ engine: 'redis', where: `${redis.url} ${key}`, events: 300 });
});
