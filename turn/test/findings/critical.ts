// What let anybody in, ended the process, or ended the call.
import { readXorAddress } from '../../src/core/address.ts';
import { ATTRIBUTE, attributeOf, METHOD } from '../../src/core/stun.ts';
import { channelAttribute, peerAttribute, UDP_TRANSPORT, uint32 } from '../turnClient.ts';
import type { Finding } from './finding.ts';
import { challenged, fence, heard, type Subject, told } from './subject.ts';

export const RELEASE = { type: ATTRIBUTE.lifetime, value: uint32(0) };
const HOUR = { type: ATTRIBUTE.lifetime, value: uint32(3600) };

/** An allocation that a peer on loopback may send to. */
export async function permitted(subject: Subject) {
  const [client, peer] = [await subject.client(), await subject.peer()];
  const relayed = await client.allocate(HOUR);
  const to = { address: '127.0.0.1', port: peer.address().port };
  await client.request(METHOD.createPermission, [peerAttribute(to)]);
  return { client, peer, to, relayed };
}

const propertyAsUser = (username: string, password: string) => async (subject: Subject) => {
  const client = await subject.client({ username, password });
  return told(await client.request(METHOD.allocate, [UDP_TRANSPORT]));
};

const afterPeerSends = (bytes: Buffer) => async (subject: Subject) => {
  const { peer, relayed } = await permitted(subject);
  peer.send(bytes, relayed.port, relayed.address);
  return (await subject.outlives()) ? 'it goes on' : 'the process ends';
};

export const CRITICAL: readonly Finding[] = [
  {
    name: '[TURN-2] a property of every object is no user: constructor',
    ...{ stock: 'granted', ours: '401' },
    probe: propertyAsUser('constructor', 'function Object() { [native code] }'),
  },
  {
    name: '[TURN-2] a property of every object is no user: __proto__',
    ...{ stock: 'granted', ours: '401' },
    probe: propertyAsUser('__proto__', '[object Object]'),
  },
  {
    name: '[TURN-3] a nonce that was never issued is stale: constructor',
    ...{ stock: 'granted', ours: '438' },
    probe: async (subject) => {
      const client = await subject.client();
      client.challenge('test', Buffer.from('constructor'));
      return told(await client.exchange(client.build(METHOD.allocate, [UDP_TRANSPORT])));
    },
  },
  ...[Buffer.alloc(0), Buffer.from([0x40])].map((bytes) => ({
    name: `[TURN-6] a packet of ${bytes.length} bytes to a relayed port does not end the process`,
    ...{ stock: 'the process ends', ours: 'it goes on', alone: {} },
    probe: afterPeerSends(bytes),
  })),
  {
    name: '[TURN-4] ChannelData reaches the peer',
    ...{ stock: 'lost', ours: 'arrives' },
    probe: async (subject) => {
      const { client, peer, to } = await permitted(subject);
      await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
      const arrived = await heard(
        peer,
        (data) => String(data) === 'data',
        async () => {
          client.sendRaw(Buffer.concat([Buffer.from([0x40, 1, 0, 4]), Buffer.from('data')]));
          await fence(client);
        },
      );
      return arrived ? 'arrives' : 'lost';
    },
  },
  {
    name: '[TURN-4] the reply to ChannelBind is signed',
    ...{ stock: 'unsigned', ours: 'signed' },
    probe: async (subject) => {
      const { client, to } = await permitted(subject);
      const reply = await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
      return reply.integrity ? 'signed' : 'unsigned';
    },
  },
  {
    name: '[TURN-7] a Refresh keeps the allocation',
    ...{ stock: 'lifetime 0, then 437', ours: 'lifetime 1200, then granted' },
    probe: async (subject) => {
      const { client } = await permitted(subject);
      const lifetime = { type: ATTRIBUTE.lifetime, value: uint32(1200) };
      const refreshed = await client.request(METHOD.refresh, [lifetime]);
      const seconds = attributeOf(refreshed, ATTRIBUTE.lifetime)?.readUInt32BE(0);
      // Stock sets a timer of a millisecond.
      await subject.outlives();
      return `lifetime ${seconds}, then ${told(await client.request(METHOD.refresh, [lifetime]))}`;
    },
  },
  {
    name: '[TURN-7] a retransmitted Allocate gets the same answer',
    ...{ stock: 'another port', ours: 'the same port' },
    probe: async (subject) => {
      const client = await challenged(await subject.client());
      const request = client.build(METHOD.allocate, [UDP_TRANSPORT]);
      const ports: (number | undefined)[] = [];
      for (let time = 0; time < 2; time++) {
        const reply = await client.exchange(request);
        ports.push(readXorAddress(attributeOf(reply, ATTRIBUTE.xorRelayedAddress)!, reply.transactionId)?.at.port);
      }
      return ports[0] === ports[1] ? 'the same port' : 'another port';
    },
  },
  {
    name: '[TURN-8] what is released holds no descriptor',
    ...{ stock: 'one is held by each', ours: 'none is held', alone: {} },
    probe: async (subject) => {
      const client = await subject.client();
      const cycle = async () => {
        await client.allocate();
        await client.request(METHOD.refresh, [RELEASE]);
      };
      await cycle();
      const before = subject.descriptors();
      for (let n = 0; n < 20; n++) await cycle();
      return subject.descriptors() - before >= 20 ? 'one is held by each' : 'none is held';
    },
  },
  {
    name: '[TURN-40] a relay that was released delivers nothing',
    ...{ stock: 'delivered', ours: 'silent' },
    probe: async (subject) => {
      const { client, peer, relayed } = await permitted(subject);
      await client.request(METHOD.refresh, [RELEASE]);
      const late = await heard(
        client.socket,
        () => true,
        () => peer.send('late', relayed.port, relayed.address),
      );
      return late ? 'delivered' : 'silent';
    },
  },
  {
    name: '[TURN-40] the end of an allocation does not end a later one of the same client',
    ...{ stock: '437', ours: 'granted', alone: { holdsTime: true } },
    probe: async (subject) => {
      const client = await subject.client();
      await client.allocate(HOUR);
      await subject.pass(3_000_000);
      await client.request(METHOD.refresh, [RELEASE]);
      await client.allocate(HOUR);
      // The hour of the first is over, not that of the second.
      await subject.pass(1_000_000);
      return told(await client.request(METHOD.refresh, []));
    },
  },
];
