// A TURN client for the tests, by its own codec where it matters: it can send
// what a sound client never would.
import { createHash, createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import type { Socket as NetSocket } from 'node:net';
import { familyOf, readXorAddress, type TransportAddress, writeXorAddress } from '../src/core/address.ts';
import { StreamFrames } from '../src/core/streamFrames.ts';
import {
  ATTRIBUTE,
  attributeOf,
  CLASS,
  decodeStun,
  encodeStun,
  METHOD,
  type StunAttribute,
  type StunMessage,
} from '../src/core/stun.ts';

export interface Credential {
  readonly username: string;
  readonly password: string;
}

export function credential(secret: string, user: string, expiresAtSeconds: number): Credential {
  const username = `${expiresAtSeconds}:${user}`;
  return { username, password: createHmac('sha1', secret).update(username).digest('base64') };
}

export function errorCodeOf(message: StunMessage): number | undefined {
  const value = attributeOf(message, ATTRIBUTE.errorCode);
  return value ? value[2]! * 100 + value[3]! : undefined;
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export const UDP_TRANSPORT: StunAttribute = { type: ATTRIBUTE.requestedTransport, value: Buffer.from([17, 0, 0, 0]) };

/** An attribute may depend on the transaction: an IPv6 address is masked by it. */
export type WantedAttribute = StunAttribute | ((transactionId: Buffer) => StunAttribute);

export function peerAttribute(peer: TransportAddress): (transactionId: Buffer) => StunAttribute {
  return (transactionId) => ({ type: ATTRIBUTE.xorPeerAddress, value: writeXorAddress(peer, transactionId) });
}

export function sendIndication(peer: TransportAddress, data: Buffer): Buffer {
  const transactionId = randomBytes(12);
  const attributes = [peerAttribute(peer)(transactionId), { type: ATTRIBUTE.data, value: data }];
  return encodeStun({ class: CLASS.indication, method: METHOD.send, transactionId, attributes });
}

export function familyAttribute(family: number): StunAttribute {
  return { type: ATTRIBUTE.requestedAddressFamily, value: Buffer.from([family, 0, 0, 0]) };
}

export function channelAttribute(number: number): StunAttribute {
  return { type: ATTRIBUTE.channelNumber, value: Buffer.from([number >> 8, number & 255, 0, 0]) };
}

/** What a client says, whatever carries it. */
abstract class TurnSession {
  readonly #credential: Credential | undefined;
  #realm = '';
  #nonce: Buffer = Buffer.alloc(0);

  constructor(as?: Credential) {
    this.#credential = as;
  }

  abstract sendRaw(bytes: Buffer): void;
  /** The next message from the server. */
  abstract next(): Promise<Buffer>;

  key(): Buffer {
    const { username, password } = this.#credential!;
    return createHash('md5').update(`${username}:${this.#realm}:${password}`).digest();
  }

  build(method: number, attributes: readonly WantedAttribute[], transactionId = randomBytes(12)): Buffer {
    const auth = this.#realm
      ? [
          { type: ATTRIBUTE.username, value: Buffer.from(this.#credential!.username) },
          { type: ATTRIBUTE.realm, value: Buffer.from(this.#realm) },
          { type: ATTRIBUTE.nonce, value: this.#nonce },
        ]
      : [];
    return encodeStun({
      class: CLASS.request,
      method,
      transactionId,
      attributes: [...attributes.map((one) => (typeof one === 'function' ? one(transactionId) : one)), ...auth],
      key: this.#realm ? this.key() : undefined,
    });
  }

  async exchange(bytes: Buffer): Promise<StunMessage> {
    const reply = this.next();
    this.sendRaw(bytes);
    const message = decodeStun(await reply);
    if (!message) throw new Error('the reply is no STUN message');
    return message;
  }

  /** Answers the challenge once, as clients do. */
  async request(method: number, attributes: readonly WantedAttribute[]): Promise<StunMessage> {
    const reply = await this.exchange(this.build(method, attributes));
    const code = errorCodeOf(reply);
    const nonce = attributeOf(reply, ATTRIBUTE.nonce);
    if (!this.#credential || !nonce || (code !== 438 && !(code === 401 && !this.#realm))) return reply;
    this.challenge(attributeOf(reply, ATTRIBUTE.realm)!.toString(), nonce);
    return this.exchange(this.build(method, attributes));
  }

  challenge(realm: string, nonce: Buffer): void {
    this.#realm = realm;
    this.#nonce = nonce;
  }

  async allocate(...more: readonly WantedAttribute[]): Promise<TransportAddress> {
    const reply = await this.request(METHOD.allocate, [UDP_TRANSPORT, ...more]);
    const relayed = attributeOf(reply, ATTRIBUTE.xorRelayedAddress);
    const address = relayed && readXorAddress(relayed, reply.transactionId);
    if (!address) throw new Error(`not allocated: ${errorCodeOf(reply)}`);
    return address.at;
  }
}

export class TurnClient extends TurnSession {
  readonly socket: Socket;
  readonly #server: TransportAddress;

  /** @param socket one that is open already: two clients at one address */
  constructor(serverPort: number, as?: Credential, server = '127.0.0.1', socket?: Socket) {
    super(as);
    this.socket = socket ?? createSocket(familyOf(server) === 'ipv4' ? 'udp4' : 'udp6');
    this.#server = { address: server, port: serverPort };
  }

  async open(address = this.#server.address): Promise<this> {
    this.socket.bind(0, address);
    await once(this.socket, 'listening');
    return this;
  }

  close(): void {
    this.socket.close();
  }

  get port(): number {
    return this.socket.address().port;
  }

  sendRaw(bytes: Buffer): void {
    this.socket.send(bytes, this.#server.port, this.#server.address);
  }

  async next(): Promise<Buffer> {
    const [datagram] = (await once(this.socket, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer];
    return datagram;
  }
}

export class TurnStreamClient extends TurnSession {
  readonly stream: NetSocket;
  readonly #frames = new StreamFrames();
  readonly arrived = new EventEmitter();

  constructor(stream: NetSocket, as?: Credential) {
    super(as);
    this.stream = stream;
    stream.on('error', () => {});
    stream.on('data', (chunk: Buffer) => {
      for (const message of this.#frames.push(chunk) ?? []) this.arrived.emit('message', message);
    });
  }

  sendRaw(bytes: Buffer): void {
    this.stream.write(bytes);
  }

  async next(): Promise<Buffer> {
    const [message] = (await once(this.arrived, 'message', { signal: AbortSignal.timeout(3_000) })) as [Buffer];
    return message;
  }
}
