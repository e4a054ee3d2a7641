// TURN over TCP and TLS, on real sockets.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { after, before, type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { generate } from 'selfsigned';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, METHOD } from '../src/core/stun.ts';
import { Relay, type RelayPorts } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import { channelAttribute, credential, errorCodeOf, peerAttribute, TurnStreamClient, uint32 } from './turnClient.ts';

let relay: Relay;
let ports: RelayPorts;

before(async () => {
  const made = await generate([{ name: 'commonName', value: 'localhost' }], { keyType: 'ec' });
  relay = new Relay(relayOptions({ tcpPort: 0, tls: { port: 0, cert: made.cert, key: made.private } }));
  ports = await relay.start();
});
after(() => relay.stop());

async function caller(t: TestContext, over: 'tcp' | 'tls', user: string): Promise<TurnStreamClient> {
  const to = { host: '127.0.0.1', port: ports[over]! };
  const stream: Socket = over === 'tcp' ? connectTcp(to) : connectTls({ ...to, rejectUnauthorized: false });
  t.after(() => stream.destroy());
  await once(stream, over === 'tcp' ? 'connect' : 'secureConnect');
  return new TurnStreamClient(stream, credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600));
}

async function peerOf(t: TestContext) {
  const peer = createSocket('udp4');
  t.after(() => peer.close());
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  return { peer, to: { address: '127.0.0.1', port: peer.address().port } };
}

for (const over of ['tcp', 'tls'] as const) {
  test(`[TURN-11] data flows both ways over ${over}, padded to four bytes`, async (t) => {
    const client = await caller(t, over, `${over}-both`);
    const { peer, to } = await peerOf(t);
    const relayed = await client.allocate();
    await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
    const arrived = once(peer, 'message');
    const messages = Buffer.concat([Buffer.from([0x40, 1, 0, 5]), Buffer.from('hello'), Buffer.alloc(3)]);
    for (const byte of messages) client.sendRaw(Buffer.from([byte]));
    assert.equal(String((await arrived)[0]), 'hello');
    const back = client.next();
    peer.send('world', relayed.port, relayed.address);
    assert.deepEqual(await back, Buffer.concat([Buffer.from([0x40, 1, 0, 5]), Buffer.from('world'), Buffer.alloc(3)]));

    const indication = client.next();
    const other = await peerOf(t);
    other.peer.send('by indication', relayed.port, relayed.address);
    assert.equal(String(attributeOf(decodeStun(await indication)!, ATTRIBUTE.data)), 'by indication');
  });

  test(`[TURN-11] a connection over ${over} that closes releases its allocation`, async (t) => {
    const client = await caller(t, over, `${over}-close`);
    await client.allocate();
    assert.ok(relay.stats.allocations > 0);
    client.stream.destroy();
    // Those of the tests before are on their way out too.
    while (relay.stats.allocations > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  });

  test(`[TURN-11] a client that does not read over ${over} loses data, and the relay holds little of it`, async (t) => {
    const client = await caller(t, over, `${over}-slow`);
    const before = relay.stats.backlogPackets;
    const { peer, to } = await peerOf(t);
    const relayed = await client.allocate();
    await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
    client.stream.pause();
    // More than any socket buffer holds.
    const data = Buffer.alloc(8_000);
    for (let n = 0; relay.stats.backlogPackets === before && n < 20_000; n++) {
      await new Promise((resolve) => peer.send(data, relayed.port, relayed.address, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(relay.stats.backlogPackets > before, JSON.stringify(relay.stats));
    // What was queued comes first; then the relay answers again.
    const answered = new Promise<void>((resolve) => {
      client.arrived.on('message', (message: Buffer) => {
        if (decodeStun(message)?.class === CLASS.success) resolve();
      });
    });
    client.stream.resume();
    client.sendRaw(client.build(METHOD.refresh, []));
    await answered;
  });
}

test('[TURN-11] bytes that are no message end their connection only', async (t) => {
  const client = await caller(t, 'tcp', 'rubbish');
  const closed = once(client.stream, 'close');
  client.sendRaw(Buffer.from([0xff, 0xff, 0xff, 0xff]));
  await closed;
  const other = await caller(t, 'tcp', 'sound');
  await other.allocate();
  const released = await other.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
  assert.equal(errorCodeOf(released), undefined);
  await other.allocate();
});

test('[TURN-11] connections without an allocation are bounded for an address', async (t) => {
  const streams = Array.from({ length: 140 }, () => connectTcp({ host: '127.0.0.1', port: ports.tcp! }));
  t.after(() => {
    for (const stream of streams) stream.destroy();
  });
  let refused = 0;
  await new Promise<void>((resolve) => {
    for (const stream of streams) {
      stream.on('error', () => {});
      stream.on('close', () => {
        if (++refused >= 12) resolve();
      });
      stream.resume();
    }
  });
  assert.ok(refused >= 12);
});
