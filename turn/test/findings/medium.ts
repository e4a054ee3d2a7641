// What is not what the RFCs say, or not what the configuration does.
import { randomBytes } from 'node:crypto';
import { readXorAddress } from '../../src/core/address.ts';
import { ATTRIBUTE, attributeOf, CLASS, encodeStun, METHOD } from '../../src/core/stun.ts';
import { channelAttribute, peerAttribute, type TurnClient, UDP_TRANSPORT, uint32 } from '../turnClient.ts';
import { permitted } from './critical.ts';
import type { Finding } from './finding.ts';
import { challenged, heard, replyTo, type Subject, told } from './subject.ts';

/** What a channel's client hears of a payload. */
const throughChannel = (payload: Buffer) => async (subject: Subject) => {
  const { client, peer, to, relayed } = await permitted(subject);
  await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
  const send = () => peer.send(payload, relayed.port, relayed.address);
  const came = await heard(client.socket, (data) => data[0] === 0x40, send);
  return came ? came.subarray(4, 4 + came.readUInt16BE(2)).toString('hex') : 'lost';
};

/** 300 peers, ten to a request: how many requests are granted. */
async function granted(client: TurnClient, network: number): Promise<number> {
  let count = 0;
  for (let n = 0; n < 30; n++) {
    const peers = Array.from({ length: 10 }, (_, m) => peerAttribute({ address: `${network}.9.${n}.${m}`, port: 9 }));
    if (told(await client.request(METHOD.createPermission, peers)) === 'granted') count++;
  }
  return count;
}

export const MEDIUM: readonly Finding[] = [
  {
    name: '[TURN-42] an even port can be had',
    ...{ stock: 'no answer', ours: 'granted' },
    probe: async (subject) => {
      const client = await challenged(await subject.client());
      const even = { type: ATTRIBUTE.evenPort, value: Buffer.from([0]) };
      return told(await replyTo(client, client.build(METHOD.allocate, [UDP_TRANSPORT, even])));
    },
  },
  {
    name: '[TURN-42] a reservation that is not there is refused',
    ...{ stock: 'no answer', ours: '508' },
    probe: async (subject) => {
      const client = await challenged(await subject.client());
      const token = { type: ATTRIBUTE.reservationToken, value: Buffer.alloc(8) };
      return told(await replyTo(client, client.build(METHOD.allocate, [UDP_TRANSPORT, token])));
    },
  },
  {
    name: '[TURN-7] the lifetime that an Allocate asks for is given',
    ...{ stock: '3600 s', ours: '1200 s' },
    probe: async (subject) => {
      const client = await subject.client();
      const lifetime = { type: ATTRIBUTE.lifetime, value: uint32(1200) };
      const reply = await client.request(METHOD.allocate, [UDP_TRANSPORT, lifetime]);
      return `${attributeOf(reply, ATTRIBUTE.lifetime)?.readUInt32BE(0)} s`;
    },
  },
  {
    name: '[TURN-10] a user has so many allocations',
    ...{ stock: 'granted', ours: '486' },
    probe: async (subject) => {
      const user = subject.user();
      for (let n = 0; n < 5; n++) await (await subject.client(user)).allocate();
      return told(await (await subject.client(user)).request(METHOD.allocate, [UDP_TRANSPORT]));
    },
  },
  {
    name: '[TURN-44] a channel that is not refreshed ends after ten minutes',
    ...{ stock: 'ChannelData', ours: 'a Data indication', alone: { holdsTime: true } },
    probe: async (subject) => {
      const { client, peer, to, relayed } = await permitted(subject);
      await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
      await subject.pass(601_000);
      await client.request(METHOD.createPermission, [peerAttribute(to)]);
      const send = () => peer.send('data', relayed.port, relayed.address);
      const came = await heard(client.socket, (data) => data.includes('data'), send);
      return came?.[0] === 0x40 ? 'ChannelData' : came ? 'a Data indication' : 'nothing';
    },
  },
  {
    name: '[TURN-44] permissions are bounded, and those that have ended make room',
    ...{ stock: '30 of 30, then 30', ours: '25 of 30, then 25', alone: { holdsTime: true } },
    probe: async (subject) => {
      const { client } = await permitted(subject);
      const first = await granted(client, 8);
      await subject.pass(301_000);
      return `${first} of 30, then ${await granted(client, 9)}`;
    },
  },
  {
    name: '[TURN-12] a client over IPv4 of a relay that listens on :: learns its address',
    ...{ stock: 'no answer', ours: 'its address', alone: { hosts: ['::'] } },
    probe: async (subject) => {
      const client = await subject.client();
      const reply = await replyTo(client, client.build(METHOD.binding, []));
      if (!reply) return 'no answer';
      const value = attributeOf(reply, ATTRIBUTE.xorMappedAddress);
      const mapped = value && readXorAddress(value, reply.transactionId)?.at;
      return mapped?.address === '127.0.0.1' && mapped.port === client.port ? 'its address' : 'another address';
    },
  },
  {
    name: '[TURN-4] what a peer sends that looks like ChannelData of its channel passes whole',
    ...{ stock: '09', ours: '400100010909' },
    probe: throughChannel(Buffer.from([0x40, 1, 0, 1, 9, 9])),
  },
  {
    name: '[TURN-4] what a peer sends that looks like ChannelData of another channel passes whole',
    ...{ stock: 'lost', ours: '40020001090000' },
    probe: throughChannel(Buffer.from([0x40, 2, 0, 1, 9, 0, 0])),
  },
  {
    name: '[TURN-2] a request for another realm is refused',
    ...{ stock: 'granted', ours: '401' },
    probe: async (subject) => {
      const user = subject.user();
      const client = await subject.client(user);
      const nonce = attributeOf(
        await client.exchange(client.build(METHOD.allocate, [UDP_TRANSPORT])),
        ATTRIBUTE.nonce,
      )!;
      client.challenge('test', nonce);
      const attributes = [
        UDP_TRANSPORT,
        { type: ATTRIBUTE.username, value: Buffer.from(user.username) },
        { type: ATTRIBUTE.realm, value: Buffer.from('another') },
        { type: ATTRIBUTE.nonce, value: nonce },
      ];
      const transactionId = randomBytes(12);
      const request = { class: CLASS.request, method: METHOD.allocate, transactionId, attributes, key: client.key() };
      return told(await client.exchange(encodeStun(request)));
    },
  },
  {
    name: '[TURN-43] a port that is taken is said',
    ...{ stock: 'starts', ours: 'does not start', alone: { isTaken: true } },
    probe: async () => 'starts',
  },
  {
    name: '[TURN-9] an Allocate of 20 bytes is answered by little more',
    ...{ stock: '84 bytes', ours: '28 bytes' },
    probe: async (subject) => {
      const client = await subject.client();
      return `${(await client.exchange(client.build(METHOD.allocate, []))).raw.length} bytes`;
    },
  },
];
