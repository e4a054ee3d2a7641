// What stock node-turn gets wrong, each as a regression, on real sockets.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { readXorAddress } from '../src/core/address.ts';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, encodeStun, METHOD, verifyIntegrity } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  familyAttribute,
  peerAttribute,
  sendIndication,
  TurnClient,
  UDP_TRANSPORT,
  uint32,
} from './turnClient.ts';

const HOUR = 3600;
let clockMs = Date.now();
let relay: Relay;
let port: number;
const clients: TurnClient[] = [];
const peers: Socket[] = [];

before(async () => {
  relay = new Relay(relayOptions({ now: () => clockMs }));
  ({ udp: port } = await relay.start());
});
after(async () => {
  for (const client of clients) client.close();
  for (const peer of peers) peer.close();
  await relay.stop();
});

const nowSeconds = () => Math.floor(clockMs / 1000);
async function client(user = randomBytes(4).toString('hex'), expiresInSeconds = HOUR): Promise<TurnClient> {
  const made = await new TurnClient(port, credential(SECRET, user, nowSeconds() + expiresInSeconds)).open();
  clients.push(made);
  return made;
}
async function peer(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  peers.push(socket);
  return socket;
}
const nextOf = async (socket: Socket) =>
  (await once(socket, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer, { port: number }];

test('a Binding request learns its address, without credentials', async () => {
  const someone = await client();
  const reply = await someone.exchange(someone.build(METHOD.binding, []));
  assert.equal(reply.class, CLASS.success);
  assert.ok(attributeOf(reply, ATTRIBUTE.xorMappedAddress));
});

test('[TURN-2] names of object properties are no users, nor are wrong or expired credentials', async () => {
  for (const [username, password] of [
    ['constructor', 'function Object() { [native code] }'],
    ['__proto__', '[object Object]'],
    [`${nowSeconds() + HOUR}:ana`, 'wrong'],
  ] as const) {
    const attacker = await new TurnClient(port, { username, password }).open();
    clients.push(attacker);
    assert.equal(errorCodeOf(await attacker.request(METHOD.allocate, [UDP_TRANSPORT])), 401, username);
  }
  const late = await client('late', -1);
  assert.equal(errorCodeOf(await late.request(METHOD.allocate, [UDP_TRANSPORT])), 401);
});

test('[TURN-3] a nonce that was never issued is stale', async () => {
  const someone = await client();
  someone.challenge('test', Buffer.from('constructor'));
  assert.equal(errorCodeOf(await someone.exchange(someone.build(METHOD.allocate, [UDP_TRANSPORT]))), 438);
});

test('[TURN-4] data flows both ways by indications, and by channels with a signed bind', async () => {
  const caller = await client();
  const other = await peer();
  const relayed = await caller.allocate();
  const to = { address: '127.0.0.1', port: other.address().port };
  assert.equal((await caller.request(METHOD.createPermission, [peerAttribute(to)])).class, CLASS.success);

  const arrived = nextOf(other);
  caller.sendRaw(sendIndication(to, Buffer.from('up')));
  const [up, from] = await arrived;
  assert.equal(up.toString(), 'up');
  assert.equal(from.port, relayed.port);

  let down = caller.next();
  other.send('down', relayed.port, relayed.address);
  const indication = decodeStun(await down);
  assert.ok(indication && indication.method === METHOD.data);
  assert.equal(attributeOf(indication, ATTRIBUTE.data)?.toString(), 'down');

  const bound = await caller.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
  assert.equal(bound.class, CLASS.success);
  assert.ok(verifyIntegrity(bound, caller.key()), 'the reply to ChannelBind is signed');
  const byChannel = nextOf(other);
  caller.sendRaw(Buffer.concat([Buffer.from([0x40, 1, 0, 5]), Buffer.from('hello'), Buffer.alloc(3)]));
  assert.equal((await byChannel)[0].toString(), 'hello');
  down = caller.next();
  // A payload that looks like ChannelData itself passes untouched.
  const tricky = Buffer.from([0x40, 1, 0, 1, 9, 9]);
  other.send(tricky, relayed.port, relayed.address);
  assert.deepEqual(await down, Buffer.concat([Buffer.from([0x40, 1, 0, 6]), tricky]));
});

test('[TURN-5] peers in special networks are refused', async () => {
  const caller = await client();
  await caller.allocate();
  for (const address of ['169.254.169.254', '10.0.0.1', '127.0.0.2', '0.0.0.0', '255.255.255.255', '224.0.0.1']) {
    assert.equal(
      errorCodeOf(await caller.request(METHOD.createPermission, [peerAttribute({ address, port: 80 })])),
      403,
      address,
    );
    const bind = [channelAttribute(0x4002), peerAttribute({ address, port: 80 })];
    assert.equal(errorCodeOf(await caller.request(METHOD.channelBind, bind)), 403, address);
  }
});

test('[TURN-6] empty and one-byte packets to a relayed port, and rubbish to the listener, end nothing', async () => {
  const caller = await client();
  const other = await peer();
  const relayed = await caller.allocate();
  const to = { address: '127.0.0.1', port: other.address().port };
  await caller.request(METHOD.createPermission, [peerAttribute(to)]);
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from([0x40]),
    Buffer.from([0x40, 0, 0xff]),
    Buffer.from([0x40, 0, 0xff, 0xff]),
  ]) {
    const relayedTo = caller.next();
    other.send(bytes, relayed.port, relayed.address);
    assert.deepEqual(Buffer.from(attributeOf(decodeStun(await relayedTo)!, ATTRIBUTE.data)!), bytes);
    caller.sendRaw(bytes);
  }
  // A peer port of 0 cannot be sent to.
  assert.equal(
    errorCodeOf(
      await caller.request(METHOD.channelBind, [channelAttribute(0x4003), peerAttribute({ ...to, port: 0 })]),
    ),
    400,
  );
  assert.equal((await caller.exchange(caller.build(METHOD.binding, []))).class, CLASS.success);
});

test('[TURN-7] a Refresh keeps the allocation, a retransmitted Allocate gets the same answer', async () => {
  const caller = await client();
  const transaction = randomBytes(12);
  const challenge = await caller.exchange(caller.build(METHOD.allocate, [UDP_TRANSPORT]));
  caller.challenge('test', attributeOf(challenge, ATTRIBUTE.nonce)!);
  const bytes = caller.build(METHOD.allocate, [UDP_TRANSPORT], transaction);
  const first = await caller.exchange(bytes);
  const second = await caller.exchange(bytes);
  assert.deepEqual(second.raw, first.raw);
  assert.equal(errorCodeOf(await caller.request(METHOD.allocate, [UDP_TRANSPORT])), 437);
  const refreshed = await caller.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(1200) }]);
  assert.equal(attributeOf(refreshed, ATTRIBUTE.lifetime)?.readUInt32BE(0), 1200);
  clockMs += 1_000_000;
  assert.equal((await caller.request(METHOD.refresh, [])).class, CLASS.success);
});

test('[TURN-7] a credential that expires does not cut a running allocation', async () => {
  const caller = await client('short', 60);
  await caller.allocate();
  clockMs += 300_000;
  assert.equal((await caller.request(METHOD.refresh, [])).class, CLASS.success);
});

test('[TURN-8] released and expired allocations close their sockets', async () => {
  const descriptors = () => readdirSync('/proc/self/fd').length;
  const caller = await client('cycles');
  await caller.allocate();
  await caller.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
  const before = descriptors();
  const allocationsBefore = relay.stats.allocations;
  for (let cycle = 0; cycle < 100; cycle++) {
    await caller.allocate();
    await caller.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
  }
  assert.equal(relay.stats.allocations, allocationsBefore);
  assert.ok(descriptors() <= before + 1, `${descriptors()} descriptors, ${before} before`);
  assert.equal(errorCodeOf(await caller.request(METHOD.refresh, [])), 437);
  await caller.allocate();
  clockMs += 601_000;
  assert.equal(errorCodeOf(await caller.request(METHOD.refresh, [])), 437);
});

test('a user has a quota of allocations', async () => {
  for (let n = 0; n < 5; n++) await (await client('greedy')).allocate();
  const sixth = await client('greedy');
  assert.equal(errorCodeOf(await sixth.request(METHOD.allocate, [UDP_TRANSPORT])), 486);
});

test('unknown required attributes are named, other transports and families refused', async () => {
  const caller = await client();
  const unknown = await caller.request(METHOD.allocate, [UDP_TRANSPORT, { type: 0x7fee, value: Buffer.alloc(4) }]);
  assert.equal(errorCodeOf(unknown), 420);
  assert.equal(attributeOf(unknown, ATTRIBUTE.unknownAttributes)?.readUInt16BE(0), 0x7fee);
  assert.equal(
    errorCodeOf(
      await caller.request(METHOD.allocate, [{ type: ATTRIBUTE.requestedTransport, value: Buffer.from([6, 0, 0, 0]) }]),
    ),
    442,
  );
  assert.equal(errorCodeOf(await caller.request(METHOD.allocate, [UDP_TRANSPORT, familyAttribute(2)])), 440);
});

test('an even port can be had, a reservation of the next one cannot', async () => {
  const evenPort = (flags: number) => ({ type: ATTRIBUTE.evenPort, value: Buffer.from([flags]) });
  const reserving = await client();
  assert.equal(errorCodeOf(await reserving.request(METHOD.allocate, [UDP_TRANSPORT, evenPort(0x80)])), 508);
  for (let n = 0; n < 4; n++) {
    const caller = await client();
    const reply = await caller.request(METHOD.allocate, [UDP_TRANSPORT, evenPort(0)]);
    const relayed = readXorAddress(attributeOf(reply, ATTRIBUTE.xorRelayedAddress)!, reply.transactionId);
    assert.ok(relayed && relayed.at.port % 2 === 0);
  }
});

test('another user on the same 5-tuple is refused', async () => {
  const caller = await client('owner');
  await caller.allocate();
  const thief = credential(SECRET, 'thief', nowSeconds() + HOUR);
  const nonce = attributeOf(
    await caller.exchange(
      encodeStun({ class: CLASS.request, method: METHOD.refresh, transactionId: randomBytes(12), attributes: [] }),
    ),
    ATTRIBUTE.nonce,
  )!;
  const key = createHash('md5').update(`${thief.username}:test:${thief.password}`).digest();
  const attributes = [
    { type: ATTRIBUTE.username, value: Buffer.from(thief.username) },
    { type: ATTRIBUTE.realm, value: Buffer.from('test') },
    { type: ATTRIBUTE.nonce, value: nonce },
  ];
  const reply = await caller.exchange(
    encodeStun({ class: CLASS.request, method: METHOD.refresh, transactionId: randomBytes(12), attributes, key }),
  );
  assert.equal(errorCodeOf(reply), 441);
});
