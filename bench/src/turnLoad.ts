// A client of a relay that can send as fast as it is answered.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  ATTRIBUTE,
  attributeOf,
  CLASS,
  decodeStun,
  encodeStun,
  METHOD,
  readXorAddress,
  type StunAttribute,
  type StunMessage,
  writeXorAddress,
} from '@carillon/turn';
import { REALM, SECRET } from './turnServers.ts';

const CHANNEL = 0x4001;
const UDP = { type: ATTRIBUTE.requestedTransport, value: Buffer.from([17, 0, 0, 0]) };

async function socketOnLoopback(): Promise<Socket> {
  const socket = createSocket({
    type: 'udp4',
    recvBufferSize: 1 << 20,
    sendBufferSize: 1 << 20,
    lookup: (hostname, _options, callback) => callback(null, hostname, 4),
  });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

/** To the peer, from it, or from it without the relay. */
export type Direction = 'up' | 'down' | 'direct';

export interface Path {
  send(): void;
  stop(): void;
}

export class LoadClient {
  readonly #socket: Socket;
  readonly #peer: Socket;
  readonly #port: number;
  readonly #username: string;
  readonly #key: Buffer;
  #nonce: Buffer | undefined;
  #relayedPort = 0;

  private constructor(port: number, user: string, socket: Socket, peer: Socket) {
    this.#port = port;
    this.#socket = socket;
    this.#peer = peer;
    this.#username = `${Math.floor(Date.now() / 1000) + 3600}:${user}`;
    const password = createHmac('sha1', SECRET).update(this.#username).digest('base64');
    this.#key = createHash('md5').update(`${this.#username}:${REALM}:${password}`).digest();
  }

  static async open(port: number, user: string): Promise<LoadClient> {
    return new LoadClient(port, user, await socketOnLoopback(), await socketOnLoopback());
  }

  close(): void {
    this.#socket.close();
    this.#peer.close();
  }

  async allocate(): Promise<void> {
    const reply = await this.#request(METHOD.allocate, [UDP]);
    const relayed = readXorAddress(attributeOf(reply, ATTRIBUTE.xorRelayedAddress)!, reply.transactionId);
    if (relayed) this.#relayedPort = relayed.at.port;
  }

  async release(): Promise<void> {
    await this.#request(METHOD.refresh, [{ type: ATTRIBUTE.lifetime, value: Buffer.alloc(4) }]);
  }

  /** A channel to a peer on loopback. */
  async bind(): Promise<void> {
    const number = Buffer.alloc(4);
    number.writeUInt16BE(CHANNEL);
    await this.#request(METHOD.channelBind, [
      { type: ATTRIBUTE.channelNumber, value: number },
      {
        type: ATTRIBUTE.xorPeerAddress,
        value: writeXorAddress({ address: '127.0.0.1', port: this.#peer.address().port }, Buffer.alloc(12)),
      },
    ]);
  }

  /** Calls back for each packet that arrives, with when it was sent; returns what sends one and what stops the listening. */
  path(direction: Direction, bytes: number, onArrival: (sentAtMs: number) => void): Path {
    const [from, to] = direction === 'up' ? [this.#socket, this.#peer] : [this.#peer, this.#socket];
    const packet = Buffer.alloc(direction === 'up' ? bytes + 4 : bytes);
    if (direction === 'up') {
      packet.writeUInt16BE(CHANNEL, 0);
      packet.writeUInt16BE(bytes, 2);
    }
    const ports = { up: this.#port, down: this.#relayedPort, direct: this.#socket.address().port };
    const port = ports[direction];
    // Channel data has a header: up as it is sent, down as it arrives.
    const [sentAt, arrivesAt] = [direction === 'up' ? 4 : 0, direction === 'down' ? 4 : 0];
    const arrived = (data: Buffer) => onArrival(data.readDoubleBE(arrivesAt));
    to.on('message', arrived);
    return {
      send: () => {
        packet.writeDoubleBE(performance.now(), sentAt);
        from.send(packet, port, '127.0.0.1');
      },
      stop: () => to.off('message', arrived),
    };
  }

  /** Answers the challenge. @throws Error on a refusal */
  async #request(method: number, attributes: readonly StunAttribute[]): Promise<StunMessage> {
    for (let attempt = 0; attempt < 3; attempt++) {
      const reply = await this.#exchange(method, attributes);
      if (reply.class === CLASS.success) return reply;
      this.#nonce = attributeOf(reply, ATTRIBUTE.nonce);
      const code = attributeOf(reply, ATTRIBUTE.errorCode);
      if (!this.#nonce) throw new Error(`the relay refused request ${method}: ${code?.[2]}${code?.[3]}`);
    }
    throw new Error(`the relay asks again and again who sends request ${method}`);
  }

  async #exchange(method: number, attributes: readonly StunAttribute[]): Promise<StunMessage> {
    const signed = this.#nonce && [
      { type: ATTRIBUTE.username, value: Buffer.from(this.#username) },
      { type: ATTRIBUTE.realm, value: Buffer.from(REALM) },
      { type: ATTRIBUTE.nonce, value: this.#nonce },
    ];
    const request = encodeStun({
      class: CLASS.request,
      method,
      transactionId: randomBytes(12),
      attributes: [...attributes, ...(signed ?? [])],
      key: signed && this.#key,
    });
    const arrived = once(this.#socket, 'message', { signal: AbortSignal.timeout(5_000) });
    this.#socket.send(request, this.#port, '127.0.0.1');
    const message = decodeStun((await arrived)[0] as Buffer);
    if (!message) throw new Error('the reply is no STUN message');
    return message;
  }
}
