// Two nodes, each a process with a data folder of its own, on one real Redis that
// syncs every write: what one system promises holds over both, and over the death
// of each of the three.
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { PATHS } from '@carillon/protocol';
import { RedisServer } from '@carillon/service/testing';
import { type ServiceProcess, startProcess } from './serviceProcess.ts';
import { messageId, TestDevice } from './testDevice.ts';
import { tempDir } from './testServer.ts';
import type { TestSocket } from './testSocket.ts';

interface System {
  readonly redis: RedisServer;
  readonly nodes: readonly [ServiceProcess, ServiceProcess];
  /** The first node, anew. */
  restart(): Promise<ServiceProcess>;
}

async function startSystem(t: TestContext): Promise<System> {
  const redis = await RedisServer.start(t);
  const env = { CARILLON_REDIS_URL: redis.url };
  const first = await tempDir(t);
  const [one, two] = await Promise.all([startProcess(t, first, env), startProcess(t, await tempDir(t), env)]);
  return { redis, nodes: [one, two], restart: () => startProcess(t, first, env) };
}

async function isHealthy(node: ServiceProcess): Promise<boolean> {
  return (await fetch(node.url + PATHS.messaging.health)).ok;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Connects again until it is there: what a client does. */
async function connectAgain(device: TestDevice, node: ServiceProcess): Promise<TestSocket> {
  for (;;) {
    try {
      return await device.connect(node);
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Ids of the next deliveries, each acknowledged: more than the window lets through at once. */
async function readAll(socket: TestSocket, count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const delivery = (await socket.delivered(ids.length + 1)).at(-1)!;
    ids.push(delivery.messageId);
    await socket.ack(delivery.seq);
  }
  return ids;
}

const TIMEOUT = { timeout: 60_000 };

test('[NODE-2] [NODE-3] devices on different nodes reach each other, and have one connection', TIMEOUT, async (t) => {
  const { nodes } = await startSystem(t);
  const [one, two] = nodes;
  const ana = await TestDevice.register(one, 'ana');
  const ben = await TestDevice.register(two, 'ben');
  const onOne = await ana.connect(one);
  const onTwo = await ben.connect(two);
  await onTwo.next('drained');
  const id = messageId();
  await onOne.send(ben.address, { messageId: id });
  assert.equal((await onTwo.delivered(1))[0]!.messageId, id);
  await onTwo.send(ana.address);
  await onOne.delivered(1);
  // A token of one node opens a socket at the other, and the connection before is cut.
  const moved = await ben.connect(one);
  assert.equal((await onTwo.closed).reason, 'replaced-by-new-connection');
  assert.equal((await moved.delivered(1))[0]!.messageId, id, 'not acknowledged, so it comes again');
  const next = messageId();
  await onOne.send(ben.address, { messageId: next });
  assert.equal((await moved.delivered(2))[1]!.messageId, next);
  await Promise.all([moved.close(), onOne.close()]);
});

test('[NODE-6] [NODE-8] a node killed at any moment loses nothing it acknowledged', TIMEOUT, async (t) => {
  const { nodes } = await startSystem(t);
  const [one, two] = nodes;
  const ana = await TestDevice.register(one, 'ana');
  const ben = await TestDevice.register(one, 'ben');
  const sender = await ana.connect(one);
  const receiver = await ben.connect(one);
  await receiver.next('drained');
  const ids = Array.from({ length: 300 }, () => messageId());
  const accepted = new Set<string>();
  let killed: Promise<void> | undefined;
  await Promise.allSettled(
    ids.map(async (id) => {
      await sender.send(ben.address, { messageId: id });
      accepted.add(id);
      if (accepted.size === 150) killed = one.kill('SIGKILL');
    }),
  );
  await killed;
  // Both come to the other node; what the dead one said of them hinders nobody.
  const again = await ana.connect(two);
  const there = await ben.connect(two);
  for (const id of ids) await again.send(ben.address, { messageId: id });
  assert.deepEqual((await readAll(there, ids.length)).sort(), [...ids].sort(), 'each once');
  await Promise.all([again.close(), there.close()]);
});

test('[NODE-7] [NODE-8] Redis killed at any moment loses nothing acknowledged', TIMEOUT, async (t) => {
  const { redis, nodes } = await startSystem(t);
  const [one, two] = nodes;
  const ana = await TestDevice.register(one, 'ana');
  const ben = await TestDevice.register(two, 'ben');
  const sender = await ana.connect(one);
  await (await ben.connect(two)).close();
  const ids = Array.from({ length: 300 }, () => messageId());
  const accepted = new Set<string>();
  let killed: Promise<void> | undefined;
  await Promise.allSettled(
    ids.map(async (id) => {
      await sender.send(ben.address, { messageId: id });
      accepted.add(id);
      if (accepted.size === 150) killed = redis.kill();
    }),
  );
  await killed;
  assert.ok(accepted.size >= 150);
  await until(async () => !(await isHealthy(one)) && !(await isHealthy(two)));
  await redis.start();
  await until(async () => (await isHealthy(one)) && (await isHealthy(two)));
  const again = await connectAgain(ana, two);
  const there = await connectAgain(ben, one);
  for (const id of ids) await again.send(ben.address, { messageId: id });
  assert.deepEqual((await readAll(there, ids.length)).sort(), [...ids].sort(), 'each once');
  await Promise.all([again.close(), there.close()]);
});

test('[NODE-9] keys and codes are of the system: what one node began, another goes on with', TIMEOUT, async (t) => {
  const { nodes, restart } = await startSystem(t);
  const [one, two] = nodes;
  const ana = await TestDevice.register(one, 'ana', 2);
  const token = await ana.login(one);
  const elsewhere = await ana.connect(two);
  assert.equal((await elsewhere.request({ case: 'ping', value: {} }, 'pong')).serverTimeMs > 0n, true);
  await elsewhere.close();
  await one.kill('SIGTERM');
  // Its token is good while it is gone, and after it came back with its key.
  const { TestSocket } = await import('./testSocket.ts');
  const socket = await TestSocket.open(two.url);
  assert.equal((await socket.hello(token)).handle, 'ana');
  await socket.close();
  const back = await restart();
  const kids = async (node: ServiceProcess) => {
    const { keys } = (await (await fetch(node.url + PATHS.messaging.jwks)).json()) as { keys: { kid: string }[] };
    return keys.map(({ kid }) => kid).sort();
  };
  await until(async () => (await kids(two)).length === 2);
  assert.deepEqual(await kids(back), await kids(two));
});
