// What no packet should bring about, and what stays when one does: everybody else's calls.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type TestContext, test } from 'node:test';
import { silentLog } from '@carillon/service';
import { ATTRIBUTE, attributeOf, CLASS, decodeStun, METHOD } from '../src/core/stun.ts';
import { Relay, type RelayOptions } from '../src/index.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  familyAttribute,
  peerAttribute,
  TurnClient,
  TurnStreamClient,
} from './turnClient.ts';

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

const as = (user: string) => credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600);

async function started(t: TestContext, options: Partial<RelayOptions>) {
  const relay = new Relay(relayOptions({ tcpPort: 0, ...options }));
  const ports = await relay.start();
  t.after(() => relay.stop());
  const overUdp = async (user: string) => {
    const client = await new TurnClient(ports.udp, as(user)).open();
    t.after(() => client.close());
    return client;
  };
  const overTcp = async (user: string) => {
    const stream = connect({ host: '127.0.0.1', port: ports.tcp! });
    t.after(() => stream.destroy());
    await once(stream, 'connect');
    return new TurnStreamClient(stream, as(user));
  };
  return { relay, overUdp, overTcp };
}

/** Padded, as a stream wants it (RFC 8656 §12.5). */
function channelData(bytes: number): Buffer {
  const message = Buffer.alloc(4 + ((bytes + 3) & ~3));
  message.writeUInt16BE(0x4000, 0);
  message.writeUInt16BE(bytes, 2);
  return message;
}

const noIpv6 = !hasIpv6 && 'this machine has no ::1';
test('[TURN-30] a datagram that no message can carry is dropped and counted', { skip: noIpv6 }, async (t) => {
  const { relay, overTcp } = await started(t, { ipv6: { listen: '::1' }, allowPeers: ['::1/128'] });
  const [hears, sends] = [await overTcp('hears'), await overTcp('sends')];
  const [heard, sent] = [await hears.allocate(familyAttribute(2)), await sends.allocate(familyAttribute(2))];
  await hears.request(METHOD.createPermission, [peerAttribute(sent)]);
  await sends.request(METHOD.channelBind, [channelAttribute(0x4000), peerAttribute(heard)]);
  const before = relay.stats.refusedPackets;
  const arrived = hears.next();
  for (const bytes of [65_520, 65_509, 65_505, 65_504]) sends.sendRaw(channelData(bytes));
  assert.equal(attributeOf(decodeStun(await arrived)!, ATTRIBUTE.data)?.length, 65_504);
  assert.equal(relay.stats.refusedPackets - before, 3);
  assert.equal(relay.stats.failedPackets, 0);
});

test('[TURN-30] an error while one packet is handled ends nothing, and is told of once', async (t) => {
  const told: string[] = [];
  const log = { ...silentLog, warn: (words: string, fields?: object) => void told.push(words, JSON.stringify(fields)) };
  const fails = () => {
    throw new Error('as by a bug, about 192.0.2.1');
  };
  const { relay, overUdp, overTcp } = await started(t, { log, tap: fails });
  const peer = createSocket('udp4');
  t.after(() => peer.close());
  peer.bind(0, '127.0.0.1');
  await once(peer, 'listening');
  const to = { address: '127.0.0.1', port: peer.address().port };
  for (const client of [await overUdp('ana'), await overTcp('bea')]) {
    const before = relay.stats.failedPackets;
    const relayed = await client.allocate();
    await client.request(METHOD.channelBind, [channelAttribute(0x4000), peerAttribute(to)]);
    client.sendRaw(channelData(4));
    peer.send('hello', relayed.port, relayed.address);
    while (relay.stats.failedPackets < before + 2)
      assert.equal((await client.request(METHOD.refresh, [])).class, CLASS.success);
  }
  const [words, fields] = told;
  assert.equal(told.length, 2);
  assert.equal(words, 'a packet could not be handled');
  assert.match(fields!, /at .*unforeseen\.test\.ts/);
  assert.doesNotMatch(fields!, /192\.0\.2\.1/);
});
