// The relay's own host as a peer, behind a NAT that leads nothing back: the external
// address is no interface's, so what is sent there by the network is lost.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { parseConfig, silentLog } from '@carillon/service';
import { readXorAddress, type TransportAddress } from '../src/core/address.ts';
import { ATTRIBUTE, attributeOf, decodeStun, METHOD } from '../src/core/stun.ts';
import { Relay, type RelayOptions, turnConfig } from '../src/index.ts';
import { configuredOptions } from '../src/io/configuredOptions.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  peerAttribute,
  sendIndication,
  TurnClient,
  uint32,
} from './turnClient.ts';

/** Neither named by the configuration nor special. */
const EXTERNAL = '1.1.1.1';
const PING = Buffer.concat([Buffer.from([0x40, 0, 0, 4]), Buffer.from('ping')]);

async function behindNat(t: TestContext, changed: Partial<RelayOptions> = {}) {
  const relay = new Relay(relayOptions({ relayAddress: EXTERNAL, allowPeers: [], ...changed }));
  const { udp } = await relay.start();
  t.after(() => relay.stop());
  return { relay, udp };
}

async function caller(t: TestContext, port: number, user: string) {
  const client = await new TurnClient(port, credential(SECRET, user, Math.floor(Date.now() / 1000) + 3600)).open();
  t.after(() => client.close());
  const relayed = await client.allocate();
  const bind = async (peer: TransportAddress, channel = 0x4000) =>
    errorCodeOf(await client.request(METHOD.channelBind, [channelAttribute(channel), peerAttribute(peer)]));
  return { client, relayed, bind };
}

test('[TURN-33] two clients of one relay reach each other by its external address', async (t) => {
  const { udp } = await behindNat(t);
  const [ana, bea] = [await caller(t, udp, 'ana'), await caller(t, udp, 'bea')];
  assert.equal(ana.relayed.address, EXTERNAL);
  assert.equal(await ana.bind(bea.relayed), undefined);
  assert.equal(await bea.bind(ana.relayed), undefined);
  const arrived = bea.client.next();
  ana.client.sendRaw(PING);
  assert.deepEqual(await arrived, PING);
  const back = ana.client.next();
  bea.client.sendRaw(PING);
  assert.deepEqual(await back, PING);
});

test('[TURN-34] ports of its own host are no peers but those that it relays from', async (t) => {
  const { relay, udp } = await behindNat(t);
  const [ana, bea] = [await caller(t, udp, 'ana'), await caller(t, udp, 'bea')];
  for (const port of [udp, 53, bea.relayed.port - 1]) {
    assert.equal(await ana.bind({ address: EXTERNAL, port }), 403, String(port));
  }
  assert.equal(await ana.bind(bea.relayed), undefined);
  const refused = async (send: () => void) => {
    const before = relay.stats.refusedPackets;
    send();
    await ana.client.request(METHOD.refresh, []);
    assert.equal(relay.stats.refusedPackets, before + 1);
  };
  // The permission that the channel brought is of the address, not of a port.
  await refused(() => ana.client.sendRaw(sendIndication({ address: EXTERNAL, port: udp }, Buffer.from('hello'))));
  await bea.client.request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: uint32(0) }]);
  await refused(() => ana.client.sendRaw(PING));
});

test('[TURN-34] the relay is no client of its own, even where its address is named', async (t) => {
  const relay = new Relay(relayOptions());
  const { udp } = await relay.start();
  t.after(() => relay.stop());
  const { bind } = await caller(t, udp, 'ana');
  assert.equal(await bind({ address: '127.0.0.1', port: udp }), 403);
  assert.equal(await bind({ address: '127.0.0.1', port: 9 }), undefined);
});

test('[TURN-34] another service of its host is a peer when its port is given', async (t) => {
  const service = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => service.close());
  await once(service, 'listening');
  const { port } = service.address();
  service.on('message', (data, from) => service.send(data, from.port, from.address));
  const { udp } = await behindNat(t, { hostPorts: [{ first: port, last: port }] });
  const { client, bind } = await caller(t, udp, 'ana');
  assert.equal(await bind({ address: EXTERNAL, port: port - 1 }), 403);
  await client.request(METHOD.createPermission, [peerAttribute({ address: EXTERNAL, port })]);
  const echoed = client.next();
  client.sendRaw(sendIndication({ address: EXTERNAL, port }, Buffer.from('hello')));
  const indication = decodeStun(await echoed)!;
  assert.equal(String(attributeOf(indication, ATTRIBUTE.data)), 'hello');
  const named = attributeOf(indication, ATTRIBUTE.xorPeerAddress)!;
  assert.deepEqual(readXorAddress(named, indication.transactionId)?.at, { address: EXTERNAL, port });
});

test('ports of the host are read, and what is none is told', () => {
  const options = (ports: string) =>
    configuredOptions(
      parseConfig(turnConfig, {
        CARILLON_TURN_SECRET: SECRET,
        CARILLON_TURN_RELAY_ADDRESS: EXTERNAL,
        CARILLON_TURN_HOST_PORTS: ports,
      }),
      silentLog,
    );
  assert.deepEqual(options('7150, 7160-7163').hostPorts, [
    { first: 7150, last: 7150 },
    { first: 7160, last: 7163 },
  ]);
  for (const ports of ['sfu', '1-70000', '70000']) assert.throws(() => options(ports), /CARILLON_TURN_HOST_PORTS/);
});
