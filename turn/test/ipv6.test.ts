// The relay over IPv6: clients and peers of each family, and what is refused.
import assert from 'node:assert/strict';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, type TestContext, test } from 'node:test';
import { readXorAddress } from '../src/core/address.ts';
import { ATTRIBUTE, attributeOf, decodeStun, METHOD } from '../src/core/stun.ts';
import { Relay, type RelayPorts } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  familyAttribute,
  peerAttribute,
  sendIndication,
  TurnClient,
  TurnStreamClient,
  UDP_TRANSPORT,
  type WantedAttribute,
} from './turnClient.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));
const skip = !hasIpv6 && 'this machine has no ::1';
const IPV6 = familyAttribute(2);
let relay: Relay;
let ports: RelayPorts;

before(async () => {
  if (skip) return;
  const ipv6 = { listen: '::1' };
  relay = new Relay(relayOptions({ ipv6, tcpPort: 0, allowPeers: ['127.0.0.1/32', '::1/128'] }));
  ports = await relay.start();
});
after(() => relay?.stop());

const as = (user: string) => credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600);

async function client(t: TestContext, server: '127.0.0.1' | '::1'): Promise<TurnClient> {
  const port = server === '::1' ? ports.ipv6!.udp : ports.udp;
  const made = await new TurnClient(port, as(t.name.replaceAll(/\W/g, '')), server).open();
  t.after(() => made.close());
  return made;
}

async function peerOn(t: TestContext, address: '127.0.0.1' | '::1'): Promise<Socket> {
  const peer = createSocket(address === '::1' ? 'udp6' : 'udp4');
  t.after(() => peer.close());
  peer.bind(0, address);
  await once(peer, 'listening');
  return peer;
}

for (const [server, peerAddress] of [
  ['::1', '::1'],
  ['127.0.0.1', '::1'],
  ['::1', '127.0.0.1'],
] as const) {
  test(`[TURN-12] data flows both ways between a client at ${server} and a peer at ${peerAddress}`, {
    skip,
  }, async (t) => {
    const caller = await client(t, server);
    const peer = await peerOn(t, peerAddress);
    const relayed = await caller.allocate(...(peerAddress === '::1' ? [IPV6] : []));
    assert.equal(relayed.address, peerAddress);
    const to = { address: peerAddress, port: peer.address().port };
    const next = async () =>
      (await once(peer, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer, typeof to];

    assert.equal(errorCodeOf(await caller.request(METHOD.createPermission, [peerAttribute(to)])), undefined);
    let arrived = next();
    caller.sendRaw(sendIndication(to, Buffer.from('by indication')));
    const [data, from] = await arrived;
    assert.equal(String(data), 'by indication');
    assert.deepEqual([from.address, from.port], [relayed.address, relayed.port]);
    const indicated = caller.next();
    peer.send('back', relayed.port, relayed.address);
    const indication = decodeStun(await indicated)!;
    assert.equal(String(attributeOf(indication, ATTRIBUTE.data)), 'back');
    const origin = readXorAddress(attributeOf(indication, ATTRIBUTE.xorPeerAddress)!, indication.transactionId);
    assert.deepEqual(origin?.at, to);

    assert.equal(
      errorCodeOf(await caller.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)])),
      undefined,
    );
    arrived = next();
    caller.sendRaw(Buffer.concat([Buffer.from([0x40, 1, 0, 4]), Buffer.from('more')]));
    assert.equal(String((await arrived)[0]), 'more');
    const channelled = caller.next();
    peer.send('again', relayed.port, relayed.address);
    assert.deepEqual(await channelled, Buffer.concat([Buffer.from([0x40, 1, 0, 5]), Buffer.from('again')]));
  });
}

test('[TURN-12] a client over IPv6 learns its address, and TCP serves it too', { skip }, async (t) => {
  const caller = await client(t, '::1');
  const reply = await caller.exchange(caller.build(METHOD.binding, []));
  const mapped = readXorAddress(attributeOf(reply, ATTRIBUTE.xorMappedAddress)!, reply.transactionId);
  assert.deepEqual(mapped, { family: 'ipv6', at: { address: '::1', port: caller.port } });

  const stream = connect({ host: '::1', port: ports.ipv6!.tcp! });
  t.after(() => stream.destroy());
  await once(stream, 'connect');
  assert.equal((await new TurnStreamClient(stream, as('stream')).allocate(IPV6)).address, '::1');
});

test('[TURN-12] a peer of the other family is refused by 443, another family by 440, both at once by 400', {
  skip,
}, async (t) => {
  const here = { address: '127.0.0.1', port: 9 };
  const there = { address: '::1', port: 9 };
  for (const [families, own, other] of [
    [[], here, there],
    [[IPV6], there, here],
  ] as const) {
    const caller = await client(t, '127.0.0.1');
    await caller.allocate(...families);
    const permit = async (...peers: (typeof here)[]) =>
      errorCodeOf(await caller.request(METHOD.createPermission, peers.map(peerAttribute)));
    const bind = async (peer: typeof here) =>
      errorCodeOf(await caller.request(METHOD.channelBind, [channelAttribute(0x4000), peerAttribute(peer)]));
    const refresh = async (family: number) =>
      errorCodeOf(await caller.request(METHOD.refresh, [familyAttribute(family)]));
    assert.deepEqual(
      [await permit(own), await bind(own), await refresh(own === here ? 1 : 2)],
      [undefined, undefined, undefined],
    );
    assert.deepEqual(
      [await permit(own, other), await bind(other), await refresh(own === here ? 2 : 1)],
      [443, 443, 443],
    );
    const refused = relay.stats.refusedPackets;
    caller.sendRaw(sendIndication(other, Buffer.from('nowhere')));
    assert.equal(errorCodeOf(await caller.request(METHOD.refresh, [])), undefined);
    assert.equal(relay.stats.refusedPackets, refused + 1);
  }
  const caller = await client(t, '::1');
  const additional = { type: ATTRIBUTE.additionalAddressFamily, value: Buffer.from([2, 0, 0, 0]) };
  const code = async (...more: WantedAttribute[]) =>
    errorCodeOf(await caller.request(METHOD.allocate, [UDP_TRANSPORT, ...more]));
  assert.equal(await code(familyAttribute(3)), 440);
  assert.equal(await code({ ...IPV6, value: Buffer.from([2]) }), 400);
  assert.equal(await code(IPV6, additional), 400);
  assert.equal(await code({ ...additional, value: Buffer.from([1, 0, 0, 0]) }), 400);
  const first = await caller.request(METHOD.allocate, [UDP_TRANSPORT, additional]);
  assert.equal(errorCodeOf(first), undefined);
  // It has IPv4, and is told that IPv6 takes an allocation of its own.
  assert.deepEqual([...attributeOf(first, ATTRIBUTE.addressErrorCode)!], [2, 0, 4, 40]);
});

test('[TURN-5] special IPv6 peers are refused on the wire', { skip }, async (t) => {
  const caller = await client(t, '::1');
  await caller.allocate(IPV6);
  for (const address of ['fe80::1', 'fd00::1', 'ff02::1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '2002:7f00:1::1']) {
    const peer = peerAttribute({ address, port: 80 });
    assert.equal(errorCodeOf(await caller.request(METHOD.createPermission, [peer])), 403, address);
    assert.equal(errorCodeOf(await caller.request(METHOD.channelBind, [channelAttribute(0x4002), peer])), 403, address);
  }
});

test('[TURN-12] behind a NAT the external addresses are what clients and peers are told', async (t) => {
  const external = { ipv4: '203.0.113.7', ipv6: '2001:db8::7' };
  const behind = new Relay(
    relayOptions({
      relayAddress: external.ipv4,
      ...(skip ? {} : { ipv6: { listen: '::1', relayAddress: external.ipv6 } }),
    }),
  );
  t.after(() => behind.stop());
  const { udp: port } = await behind.start();
  const allocate = async (...more: WantedAttribute[]) => {
    const caller = await new TurnClient(port, as('behind')).open();
    t.after(() => caller.close());
    return { caller, relayed: await caller.allocate(...more) };
  };
  const { caller, relayed } = await allocate();
  assert.equal(relayed.address, external.ipv4);
  if (!skip) assert.equal((await allocate(IPV6)).relayed.address, external.ipv6);
  // The port is the one that the NAT is to forward.
  const peer = await peerOn(t, '127.0.0.1');
  await caller.request(METHOD.createPermission, [peerAttribute({ address: '127.0.0.1', port: peer.address().port })]);
  const arrived = caller.next();
  peer.send('in', relayed.port, '127.0.0.1');
  assert.equal(String(attributeOf(decodeStun(await arrived)!, ATTRIBUTE.data)), 'in');
});
