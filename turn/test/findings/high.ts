// What one who has no right to it could use, fill or end.
import { ATTRIBUTE, METHOD, type StunAttribute } from '../../src/core/stun.ts';
import { channelAttribute, familyAttribute, peerAttribute, type TurnClient, UDP_TRANSPORT } from '../turnClient.ts';
import { permitted } from './critical.ts';
import type { Finding } from './finding.ts';
import { challenged, fence, heard, replyTo, type Subject, told } from './subject.ts';

/** In none of them is a peer of the tests. */
const SPECIAL = ['127.0.0.2', '169.254.169.254', '10.0.0.1', '0.0.0.0', '255.255.255.255', '224.0.0.1'];
const FLOOD = 4_000;
const AT_ONCE = 50;
/** A nonce in a table, and its timer, take several times as much. */
const KEPT_BYTES = 100;

const ofSpecialPeers =
  (method: number, more: readonly StunAttribute[] = []) =>
  async (subject: Subject): Promise<string> => {
    const { client } = await permitted(subject);
    const replies = new Set<string>();
    for (const address of SPECIAL)
      replies.add(told(await client.request(method, [...more, peerAttribute({ address, port: 80 })])));
    return [...replies].join();
  };

/** With a second peer behind the signed part of the request: whether that peer is heard. */
const appended = (counted: boolean) => async (subject: Subject) => {
  const { client, relayed, to } = await permitted(subject);
  const stranger = await subject.peer('127.0.0.3');
  const signed = client.build(METHOD.createPermission, [peerAttribute(to)]);
  const { value } = peerAttribute({ address: '127.0.0.3', port: 1 })(signed.subarray(8, 20));
  const whole = Buffer.concat([signed, Buffer.from([0, ATTRIBUTE.xorPeerAddress, 0, value.length]), value]);
  if (counted) whole.writeUInt16BE(whole.length - 20, 2);
  client.sendRaw(whole);
  await fence(client);
  const isIt = (data: Buffer) => data.includes('stranger');
  const came = await heard(client.socket, isIt, () => stranger.send('stranger', relayed.port, relayed.address));
  return came ? 'permitted' : 'not permitted';
};

const withAttribute = (attribute: StunAttribute) => async (subject: Subject) => {
  const client = await challenged(await subject.client());
  return told(await replyTo(client, client.build(METHOD.allocate, [UDP_TRANSPORT, attribute])));
};

async function flood(client: TurnClient): Promise<void> {
  let answered = 0;
  await new Promise<void>((resolve) => {
    const ask = () => client.sendRaw(client.build(METHOD.allocate, [UDP_TRANSPORT]));
    client.socket.on('message', () => {
      if (++answered === FLOOD) resolve();
      else if (answered + AT_ONCE <= FLOOD) ask();
    });
    for (let n = 0; n < AT_ONCE; n++) ask();
  });
  client.socket.removeAllListeners('message');
}

export const HIGH: readonly Finding[] = [
  {
    name: '[TURN-41] a flood of Allocates without credentials leaves nothing in memory',
    ...{ stock: 'memory is held', ours: 'nothing is held', alone: {} },
    probe: async (subject) => {
      const client = await subject.client();
      await flood(client);
      const before = await subject.heapBytes();
      await flood(client);
      const each = ((await subject.heapBytes()) - before) / FLOOD;
      return each > KEPT_BYTES ? 'memory is held' : 'nothing is held';
    },
  },
  {
    name: '[TURN-3] a nonce is good only for the client it was issued to',
    ...{ stock: 'granted', ours: '438' },
    probe: async (subject) => {
      const user = subject.user();
      const asked = await challenged(await subject.client(user));
      const replayed = asked.build(METHOD.allocate, [UDP_TRANSPORT]);
      return told(await replyTo(await subject.client(user), replayed));
    },
  },
  {
    name: '[TURN-5] peers in special networks are refused permission',
    ...{ stock: 'granted', ours: '403' },
    probe: ofSpecialPeers(METHOD.createPermission),
  },
  {
    name: '[TURN-5] peers in special networks are refused a channel',
    // The second peer of one number is refused for another reason.
    ...{ stock: 'granted,400', ours: '403' },
    probe: ofSpecialPeers(METHOD.channelBind, [channelAttribute(0x4002)]),
  },
  {
    name: '[TURN-2] a relay of which nothing is said asks for credentials',
    ...{ stock: 'granted', ours: 'does not start', alone: { bare: true } },
    probe: async (subject) => {
      const client = await subject.client();
      return told(await client.exchange(client.build(METHOD.allocate, [UDP_TRANSPORT])));
    },
  },
  {
    name: '[TURN-1] a peer behind MESSAGE-INTEGRITY is not believed',
    ...{ stock: 'permitted', ours: 'not permitted' },
    probe: appended(true),
  },
  {
    name: '[TURN-1] a peer beyond the length of the message is not believed',
    ...{ stock: 'permitted', ours: 'not permitted' },
    probe: appended(false),
  },
  {
    name: '[TURN-42] an attribute that must be understood and is not is named',
    ...{ stock: 'no answer', ours: '420' },
    probe: withAttribute({ type: 0x7fee, value: Buffer.alloc(4) }),
  },
  {
    name: '[TURN-42] an attribute that need not be understood is passed over',
    ...{ stock: 'no answer', ours: 'granted' },
    probe: withAttribute({ type: 0xc057, value: Buffer.alloc(4) }),
  },
  {
    name: '[TURN-12] a family may be asked for',
    ...{ stock: 'no answer', ours: 'granted' },
    probe: withAttribute(familyAttribute(1)),
  },
  {
    name: '[TURN-12] a family that is not there is refused',
    ...{ stock: 'no answer', ours: '440' },
    probe: withAttribute(familyAttribute(2)),
  },
  {
    name: '[TURN-43] a peer that sends after the end of the relay does not end the process',
    ...{ stock: 'the process ends', ours: 'it goes on', alone: {} },
    probe: async (subject) => {
      const { client, peer, to, relayed } = await permitted(subject);
      await client.request(METHOD.channelBind, [channelAttribute(0x4001), peerAttribute(to)]);
      const stopped = subject.stop();
      const sending = setInterval(() => peer.send('data', relayed.port, relayed.address), 5);
      await stopped.catch(() => {});
      const goesOn = await subject.outlives();
      clearInterval(sending);
      return goesOn ? 'it goes on' : 'the process ends';
    },
  },
];
