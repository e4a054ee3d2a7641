// Several relays behind one configuration: a UDP port each, TCP and TLS shared.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { parseConfig, silentLog } from '@carillon/service';
import { generate } from 'selfsigned';
import { turnConfig } from '../src/config.ts';
import { CLASS, METHOD } from '../src/core/stun.ts';
import { configuredOptions } from '../src/io/configuredOptions.ts';
import type { RelayPorts } from '../src/io/relayOptions.ts';
import { WorkerPool } from '../src/io/workerPool.ts';
import { SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  peerAttribute,
  TurnClient,
  TurnStreamClient,
} from './turnClient.ts';

const WORKERS = 3;
let pool: WorkerPool;
let ports: RelayPorts;

before(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  const config = parseConfig(turnConfig, {
    CARILLON_TURN_SECRET: SECRET,
    CARILLON_TURN_LISTEN: '127.0.0.1',
    CARILLON_TURN_PORT: '0',
    CARILLON_TURN_WORKERS: String(WORKERS),
    // No interface's: as behind a NAT that leads nothing back.
    CARILLON_TURN_RELAY_ADDRESS: '1.1.1.1',
    CARILLON_TURN_ALLOW_PEERS: '127.0.0.0/8',
    CARILLON_TURN_DRAIN_SECONDS: '0',
  });
  const tls = { port: 0, cert: made.cert, key: made.private };
  // Free ports for connections, which no configuration can ask for.
  const own = {
    ...config,
    CARILLON_TURN_TLS_PORT: 1,
    CARILLON_TURN_TLS_CERT: tls.cert,
    CARILLON_TURN_TLS_KEY: tls.key,
  };
  pool = new WorkerPool(
    { ...own, CARILLON_TURN_TCP_PORT: 1 },
    { ...configuredOptions(own, silentLog), tcpPort: 0, tls },
  );
  ports = await pool.start();
});
after(() => pool.stop());

const as = (user: string) => credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600);

async function udpClient(t: TestContext, port: number): Promise<TurnClient> {
  const client = await new TurnClient(port, as('udp')).open();
  t.after(() => client.close());
  return client;
}

async function holds(condition: () => boolean, words: string): Promise<void> {
  const deadline = Date.now() + 8_000;
  while (!condition()) {
    assert.ok(Date.now() < deadline, words);
    await pause(20);
  }
}

async function echoes(t: TestContext, client: TurnClient | TurnStreamClient): Promise<void> {
  const peer = createSocket('udp4');
  t.after(() => peer.close());
  peer.on('message', (data, from) => peer.send(data, from.port, from.address));
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const to = peerAttribute({ address: '127.0.0.1', port: peer.address().port });
  assert.equal(errorCodeOf(await client.request(METHOD.channelBind, [channelAttribute(0x4001), to])), undefined);
  const back = client.next();
  const data = Buffer.concat([Buffer.from([0x40, 1, 0, 4]), Buffer.from('echo')]);
  client.sendRaw(data);
  assert.deepEqual(await back, data);
}

test('[TURN-13] each worker relays on a port of its own', async (t) => {
  assert.equal(new Set(pool.udpPorts).size, WORKERS);
  assert.equal(ports.udp, pool.udpPorts[0]);
  for (const port of pool.udpPorts) {
    const client = await udpClient(t, port);
    await client.allocate();
    await echoes(t, client);
  }
  await holds(() => pool.stats.allocations === WORKERS && pool.stats.toPeerPackets === WORKERS, 'all are counted');
  assert.deepEqual(pool.problems(), []);
});

test('[TURN-33] clients of two workers reach each other by the external address', async (t) => {
  const before = pool.stats.allocatedTotal;
  const [ana, bea] = [await udpClient(t, pool.udpPorts[0]!), await udpClient(t, pool.udpPorts[1]!)];
  const [from, to] = [await ana.allocate(), await bea.allocate()];
  assert.equal(to.address, '1.1.1.1');
  for (const [client, peer] of [[ana, to] as const, [bea, from] as const]) {
    const bound = await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(peer)]);
    assert.equal(errorCodeOf(bound), undefined);
  }
  const data = Buffer.concat([Buffer.from([0x40, 1, 0, 4]), Buffer.from('ping')]);
  const arrived = bea.next();
  ana.sendRaw(data);
  assert.deepEqual(await arrived, data);
  await holds(() => pool.stats.allocatedTotal === before + 2, 'both are counted');
});

for (const over of ['tcp', 'tls'] as const) {
  test(`[TURN-13] connections over ${over} come in at one port and are shared out`, async (t) => {
    const before = pool.stats.allocatedTotal;
    for (let n = 0; n < WORKERS; n++) {
      const to = { host: '127.0.0.1', port: ports[over]! };
      const stream = over === 'tcp' ? connectTcp(to) : connectTls({ ...to, rejectUnauthorized: false });
      t.after(() => stream.destroy());
      await once(stream, over === 'tcp' ? 'connect' : 'secureConnect');
      const client = new TurnStreamClient(stream, as(over));
      await client.allocate();
      await echoes(t, client);
    }
    await holds(() => pool.stats.allocatedTotal === before + WORKERS, 'all are counted');
    assert.ok(pool.stats.connections >= WORKERS);
  });
}

test('[TURN-32] connections that no worker takes are not kept without a bound', async (t) => {
  const pids = pool.pids;
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => {
    for (const pid of pids) process.kill(pid, name);
  };
  signal('SIGSTOP');
  t.after(() => signal('SIGCONT'));
  let closed = 0;
  for (let n = 0; n < WORKERS * 256 + 60; n++) {
    const stream = connectTcp({ host: '127.0.0.1', port: ports.tcp! }).on('error', () => {});
    t.after(() => stream.destroy());
    stream.on('close', () => closed++);
    stream.resume();
  }
  await holds(() => closed >= 50, 'what is too much is closed');
  assert.ok(closed <= 60, `${closed} closed`);
});

test('[TURN-13] a worker that dies is started again on its port, and the others relay meanwhile', async (t) => {
  const [first, second] = pool.udpPorts as [number, number];
  const [dying, staying] = [await udpClient(t, first), await udpClient(t, second)];
  await dying.allocate();
  await staying.allocate();
  await holds(() => pool.stats.allocations >= 2, 'both are counted');
  const { allocatedTotal } = pool.stats;
  process.kill(pool.pids[0]!, 'SIGKILL');
  await holds(() => pool.problems().length === 1, 'it is missed');
  assert.deepEqual(pool.problems(), ['relay worker 1 is not running']);
  await echoes(t, staying);
  await holds(() => pool.problems().length === 0, 'it is there again');
  assert.equal(pool.udpPorts[0], first);
  assert.equal((await dying.exchange(dying.build(METHOD.binding, []))).class, CLASS.success);
  assert.equal(errorCodeOf(await dying.request(METHOD.refresh, [])), 437, 'its allocations went with it');
  assert.ok(pool.stats.allocatedTotal >= allocatedTotal, 'what was counted stays counted');
});

test('[TURN-13] a port that is taken fails the start, and leaves no process', async (t) => {
  const taken = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => taken.close());
  await once(taken, 'listening');
  const config = parseConfig(turnConfig, {
    CARILLON_TURN_SECRET: SECRET,
    CARILLON_TURN_LISTEN: '127.0.0.1',
    CARILLON_TURN_PORT: String(taken.address().port),
    CARILLON_TURN_WORKERS: '2',
  });
  const other = new WorkerPool(config, configuredOptions(config, silentLog));
  await assert.rejects(other.start(), /EADDRINUSE/);
  for (const pid of other.pids) assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
});
