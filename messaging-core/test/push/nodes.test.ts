// Waking where many nodes share a Redis, and the event log on a Redis Cluster.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type AccountId, type DeviceId, PushService } from '@carillon/protocol';
import { openEventLog, silentLog } from '@carillon/service';
import { RedisServer } from '@carillon/service/testing';
import { startRedisCluster } from '../redisCluster.ts';
import { TestDevice } from '../testDevice.ts';
import { startServer, tempDir } from '../testServer.ts';
import { startApns } from './apnsStandIn.ts';

test('[PUSH-1] [EVENT-4] with three nodes a call is still one push, and so is a burst of messages', async (t) => {
  const apns = await startApns(t);
  const redis = await RedisServer.start(t);
  const dir = await tempDir(t);
  const [key, ca] = [path.join(dir, 'key.p8'), path.join(dir, 'ca.pem')];
  await writeFile(key, apns.key.pem);
  await writeFile(ca, apns.service.ca);
  const env = {
    CARILLON_REDIS_URL: redis.url,
    CARILLON_APNS_KEY_FILE: key,
    CARILLON_APNS_KEY_ID: apns.key.keyId,
    CARILLON_APNS_TEAM_ID: apns.key.teamId,
    CARILLON_APNS_BUNDLE: apns.bundle,
    CARILLON_APNS_URL: apns.service.url,
    CARILLON_PUSH_CA_FILE: ca,
  };
  const nodes = [];
  for (const name of ['a', 'b', 'c']) nodes.push(await startServer(t, { ...env, CARILLON_NODE: name }));
  const ben = await TestDevice.register(nodes[0]!, 'ben');
  const phone = await ben.connect();
  for (const service of [PushService.APNS_VOIP, PushService.APNS]) {
    const token = randomBytes(32).toString('hex');
    await phone.request({ case: 'setPushTarget', value: { service, token } }, 'done');
  }
  const callers = [];
  for (const [index, node] of nodes.entries())
    callers.push(await (await TestDevice.register(node, `caller${index}`)).connect());
  await phone.close();
  // The end of the socket and the call are heard of by whichever node reads them.
  await callers[2]!.send(ben.address, { urgent: true, expiresAtMs: Date.now() + 60_000 });
  await apns.service.requests(1);
  const awake = await ben.connect(nodes[1]);
  await awake.ack((await awake.delivered(1))[0]!.seq);
  await awake.close();
  await Promise.all(callers.flatMap((caller) => Array.from({ length: 10 }, () => caller.send(ben.address))));
  await apns.service.requests(2);
  // Whatever the nodes were about to push, they would have by the next turn of the device.
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  assert.deepEqual(
    apns.service.received.map(({ headers }) => headers['apns-push-type']),
    ['voip', 'background'],
  );
  assert.deepEqual(apns.service.broken, []);
  for (const caller of callers) await caller.close();
});

test('[EVENT-4] the event log works on a Redis Cluster', async (t) => {
  const redisUrl = await startRedisCluster(t);
  const events = await openEventLog({ redisUrl, node: 'one', file: '', log: silentLog });
  t.after(() => events.close());
  const event = {
    type: 'envelopes-delivered',
    accountId: 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId,
    deviceId: 1 as DeviceId,
    count: 3,
  } as const;
  await events.append(event, 5);
  const [read] = await events.read('a', 10, 1_000);
  assert.deepEqual(read?.event, event);
  await events.commit('a', read!.position);
  await events.trim(10);
  assert.deepEqual(await events.read('a', 10, 20), []);
});
