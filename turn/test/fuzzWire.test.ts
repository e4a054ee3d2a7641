// The same mutated packets where they come in: the listener, a connection and a
// relayed port, at a relay that has an allocation with a channel.
// CARILLON_FUZZ_WIRE_PACKETS=500000 for a long run, CARILLON_FUZZ_SEED to repeat one.
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { on, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { readXorAddress } from '../src/core/address.ts';
import { ATTRIBUTE, attributeOf, decodeStun, METHOD, type StunMessage } from '../src/core/stun.ts';
import { Relay } from '../src/index.ts';
import { recordedDatagrams } from './fixtures/chromium.ts';
import { DATAGRAM_BYTES_MAX, grantedRequests, mutated, randomFrom, signed } from './mutation.ts';
import { relayOptions, SECRET } from './relayOptions.ts';
import {
  channelAttribute,
  credential,
  errorCodeOf,
  peerAttribute,
  sendIndication,
  TurnClient,
  UDP_TRANSPORT,
  type WantedAttribute,
} from './turnClient.ts';

const PACKETS = Number(process.env.CARILLON_FUZZ_WIRE_PACKETS ?? 6_000);
const SEED = Number(process.env.CARILLON_FUZZ_SEED ?? Math.floor(Math.random() * 2 ** 31));
/** Sent before the relay is heard of again: more would only be lost in its socket's buffer. */
const BURST = 50;
const CHANNEL = 0x4000;

test('[TURN-14] mutated packets on the wire: the relay relays on, and none of its code fails', {
  timeout: 3_600_000,
}, async (t) => {
  t.diagnostic(`CARILLON_FUZZ_SEED=${SEED}`);
  const random = randomFrom(SEED);
  const relay = new Relay(relayOptions({ tcpPort: 0, unprovenPerSecond: 1e6, allocationsPerUserMax: 50 }));
  const ports = await relay.start();
  t.after(() => relay.stop());
  const as = credential(SECRET, 'fuzz', Math.floor(Date.now() / 1000) + 86_400);
  const client = await new TurnClient(ports.udp, as).open();
  t.after(() => client.close());
  const peer = createSocket('udp4').bind(0, '127.0.0.1');
  t.after(() => peer.close());
  await once(peer, 'listening');
  const to = { address: '127.0.0.1', port: peer.address().port };

  const challenge = await client.exchange(client.build(METHOD.allocate, [UDP_TRANSPORT]));
  const nonce = attributeOf(challenge, ATTRIBUTE.nonce)!;
  client.challenge('test', nonce);

  /** What was mutated may have released it, and is answered in between. */
  const relayedPort = async (): Promise<number> => {
    const allocated = await ask(client, METHOD.allocate, [UDP_TRANSPORT]);
    const relayed = attributeOf(allocated, ATTRIBUTE.xorRelayedAddress);
    const bound = await ask(client, METHOD.channelBind, [channelAttribute(CHANNEL), peerAttribute(to)]);
    // The number, or the peer, may have been bound otherwise.
    if (errorCodeOf(bound) === 400) {
      await ask(client, METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: Buffer.alloc(4) }]);
      return relayedPort();
    }
    assert.equal(errorCodeOf(bound), undefined);
    return relayed ? readXorAddress(relayed, allocated.transactionId)!.at.port : port;
  };
  let port = 0;
  port = await relayedPort();
  const granted = grantedRequests({ username: as.username, realm: 'test', nonce, key: client.key() });
  const seeds = [
    ...granted,
    ...granted,
    sendIndication(to, Buffer.from('data to relay')),
    ...Array.from({ length: 6 }, (_, n) => channelData(CHANNEL, Buffer.alloc(n * 5))),
    ...recordedDatagrams().map(({ bytes }) => bytes),
  ];
  let stream: Socket | undefined;
  t.after(() => stream?.destroy());

  for (let sent = 0; sent < PACKETS; sent++) {
    const packet = mutated(seeds, random);
    const bytes = random(2) ? signed(packet, client.key()) : packet;
    switch (random(4)) {
      case 0:
        // A peer may send anything, of any length.
        peer.send(random(8) ? bytes : Buffer.alloc(DATAGRAM_BYTES_MAX - random(64)), port, '127.0.0.1');
        break;
      case 1:
        if (!stream || stream.destroyed)
          stream = connect(ports.tcp!, '127.0.0.1')
            .on('error', () => {})
            .resume();
        for (let at = 0; at < bytes.length; ) {
          const cut = at + 1 + random(Math.max(1, bytes.length >> 1));
          stream.write(bytes.subarray(at, cut));
          at = cut;
        }
        break;
      default:
        client.sendRaw(bytes);
    }
    if (sent % BURST === 0) port = await relayedPort();
  }
  port = await relayedPort();
  const arrived = on(peer, 'message', { signal: AbortSignal.timeout(3_000) });
  client.sendRaw(channelData(CHANNEL, Buffer.from('it relays on')));
  // What was sent before comes before.
  for await (const [data] of arrived) if (String(data) === 'it relays on') break;
  t.diagnostic(JSON.stringify(relay.stats));
  assert.equal(relay.stats.failedPackets, 0, `an error of the relay's own, seed ${SEED}`);
});

/** Until it is answered: packets are many here, and buffers overflow. */
async function ask(client: TurnClient, method: number, attributes: readonly WantedAttribute[]): Promise<StunMessage> {
  const request = client.build(method, attributes);
  const send = setInterval(() => client.sendRaw(request), 100);
  client.sendRaw(request);
  try {
    for await (const [data] of on(client.socket, 'message', { signal: AbortSignal.timeout(10_000) })) {
      const reply = (data as Buffer).subarray(8, 20).equals(request.subarray(8, 20)) && decodeStun(data as Buffer);
      if (reply) return reply;
    }
    throw new Error('the socket was closed');
  } finally {
    clearInterval(send);
  }
}

function channelData(number: number, data: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16BE(number, 0);
  header.writeUInt16BE(data.length, 2);
  return Buffer.concat([header, data]);
}
