// Clients over TCP and TLS (RFC 8656 §2.1), for networks that let no UDP
// through. Every connection is bounded: in number, in what waits to be read by
// the client, and in time until it proves itself.
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { TransportAddress } from '../core/address.ts';
import { sourceOf } from '../core/sourceLimit.ts';
import { StreamFrames } from '../core/streamFrames.ts';
import type { ClientLink } from './clientLink.ts';

/** About half a second of video: beyond it data is dropped, as a full link would. */
const DATA_BACKLOG_BYTES_MAX = 128 * 1024;
/** Replies come on top; a client that asks and never reads is left. */
const BACKLOG_BYTES_MAX = 256 * 1024;
/** Connections of one address without an allocation; many people share one, few connect in the same seconds. */
const UNPROVEN_PER_ADDRESS_MAX = 128;
/** Connections in all without an allocation, each about 10 KB (TLS 50 KB). */
const UNPROVEN_MAX = 2_000;
/** All connections, those in a TLS handshake too; `CARILLON_TURN_ALLOCATIONS` bounds those that are proven. */
const CONNECTIONS_MAX = 20_000;
/** Time to an allocation from connecting or from the end of the last one. */
const UNPROVEN_MS = 20_000;

export interface StreamListenerOptions {
  readonly host: string;
  readonly port: number;
  /** With it TLS, without it TCP. PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  readonly onMessage: (message: Buffer, link: ClientLink) => void;
  readonly onClosed: (link: ClientLink) => void;
}

export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #server: Server;
  readonly #connections = new Set<Socket>();
  /** Connections without an allocation, by address; of IPv6 by network. */
  readonly #unproven = new Map<string, number>();
  #unprovenTotal = 0;

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    const accept = (socket: Socket) => this.#accept(socket);
    this.#server = options.tls
      ? createTlsServer({ ...options.tls, minVersion: 'TLSv1.2', handshakeTimeout: UNPROVEN_MS }, accept)
      : createTcpServer({ noDelay: true }, accept);
    // Those in a TLS handshake too, which are not accepted yet: handshakeTimeout bounds their time.
    this.#server.on('connection', (socket: Socket) => {
      this.#connections.add(socket);
      socket.once('close', () => this.#connections.delete(socket));
    });
    this.#server.maxConnections = CONNECTIONS_MAX;
    this.#server.on('tlsClientError', () => {});
  }

  /** Resolves with the port. @throws Error when it is taken */
  start(): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      const { port, host } = this.#options;
      this.#server.listen({ port, host, ipv6Only: true }, () => {
        this.#server.off('error', reject);
        this.#server.on('error', () => {});
        const address = this.#server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  /** A connection that was accepted elsewhere, and nothing read from it. */
  adopt(socket: Socket): void {
    if (this.#connections.size >= CONNECTIONS_MAX) {
      socket.destroy();
      return;
    }
    this.#server.emit('connection', socket);
    socket.resume();
  }

  async stop(): Promise<void> {
    const closed = this.#server.listening && new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#connections) socket.destroy();
    await closed;
  }

  get connections(): number {
    return this.#connections.size;
  }

  #accept(socket: Socket): void {
    const { remoteAddress: address, remotePort: port } = socket;
    socket.on('error', () => socket.destroy());
    const source = address === undefined ? undefined : sourceOf(address);
    if (address === undefined || source === undefined || port === undefined || !this.#mayBeUnproven(source)) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    const frames = new StreamFrames();
    let deadline = setTimeout(() => socket.destroy(), UNPROVEN_MS);
    let proven = false;
    const link = streamLink(socket, { address, port }, this.#options.tls ? 'tls' : 'tcp', (held) => {
      if (held === proven || socket.destroyed) return;
      proven = held;
      clearTimeout(deadline);
      if (held) {
        this.#discountUnproven(source);
      } else {
        deadline = setTimeout(() => socket.destroy(), UNPROVEN_MS);
        this.#addUnproven(source);
      }
    });
    socket.on('data', (chunk) => {
      const messages = frames.push(chunk);
      for (const message of messages ?? []) {
        if (socket.destroyed) return;
        this.#options.onMessage(message, link);
      }
      if (messages === undefined) socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      if (!proven) this.#discountUnproven(source);
      this.#options.onClosed(link);
    });
  }

  #mayBeUnproven(source: string): boolean {
    const count = this.#unproven.get(source) ?? 0;
    if (count >= UNPROVEN_PER_ADDRESS_MAX || this.#unprovenTotal >= UNPROVEN_MAX) return false;
    this.#addUnproven(source);
    return true;
  }

  #addUnproven(source: string): void {
    this.#unproven.set(source, (this.#unproven.get(source) ?? 0) + 1);
    this.#unprovenTotal++;
  }

  #discountUnproven(source: string): void {
    const left = (this.#unproven.get(source) ?? 1) - 1;
    if (left > 0) this.#unproven.set(source, left);
    else this.#unproven.delete(source);
    this.#unprovenTotal--;
  }
}

function streamLink(
  socket: Socket,
  from: TransportAddress,
  protocol: 'tcp' | 'tls',
  onAllocation: (held: boolean) => void,
): ClientLink {
  return {
    key: `${protocol} ${from.address}:${from.port}`,
    from,
    onAllocation,
    isDatagrams: false,
    isOpen: () => !socket.destroyed,
    send: (message) => {
      if (!socket.writable) return false;
      socket.write(message);
      if (socket.writableLength > BACKLOG_BYTES_MAX) socket.destroy();
      return true;
    },
    sendData: (message) => {
      if (!socket.writable || socket.writableLength > DATA_BACKLOG_BYTES_MAX) return false;
      socket.write(message);
      return true;
    },
    sendChannelData: (channel, data) => {
      if (!socket.writable || socket.writableLength > DATA_BACKLOG_BYTES_MAX) return false;
      const message = Buffer.alloc(4 + ((data.length + 3) & ~3));
      message.writeUInt16BE(channel, 0);
      message.writeUInt16BE(data.length, 2);
      data.copy(message, 4);
      socket.write(message);
      return true;
    },
  };
}
