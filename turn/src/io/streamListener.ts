// Clients over TCP and TLS (RFC 8656 §2.1), for networks that let no UDP
// through. Every connection is bounded: in number from the moment it is there,
// in what waits to be read by the client, and in time until it proves itself.
import { createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { TransportAddress } from '../core/address.ts';
import type { ConnectionSlot, ConnectionSlots } from '../core/connectionSlots.ts';
import { StreamFrames } from '../core/streamFrames.ts';
import type { ClientLink } from './clientLink.ts';

/** About half a second of video: beyond it data is dropped, as a full link would. */
const DATA_BACKLOG_BYTES_MAX = 128 * 1024;
/** Replies come on top; a client that asks and never reads is left. */
const BACKLOG_BYTES_MAX = 256 * 1024;
/** Several times the longest request for an allocation; what is longer would only be kept for who has proved nothing. */
const UNPROVEN_MESSAGE_BYTES_MAX = 2048;

export interface Patience {
  /** To the end of a TLS handshake, and from there, or from connecting, to a whole message: clients send one at once. */
  readonly firstMessageMs: number;
  /** From there, or from the end of the last allocation, to an allocation. */
  readonly allocationMs: number;
}
const PATIENCE: Patience = { firstMessageMs: 5_000, allocationMs: 20_000 };

export interface StreamListenerOptions {
  readonly host: string;
  readonly port: number;
  /** With it TLS, without it TCP. PEM. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** Shared by all listeners of a process. */
  readonly slots: ConnectionSlots;
  readonly patience?: Patience;
  readonly onMessage: (message: Buffer, link: ClientLink) => void;
  readonly onClosed: (link: ClientLink) => void;
}

interface Connection {
  readonly from: TransportAddress;
  readonly slot: ConnectionSlot;
}

export class StreamListener {
  readonly #options: StreamListenerOptions;
  readonly #patience: Patience;
  readonly #server: Server;
  /** Listens nowhere: it is given the connections that have a slot. */
  readonly #tls: TlsServer | undefined;
  /** By the socket that was accepted, those in a TLS handshake too. */
  readonly #connections = new Map<Socket, Connection>();
  /** In a TLS handshake, by address and port: a socket over TLS does not tell which one it is over. */
  readonly #handshakes = new Map<string, Connection>();

  constructor(options: StreamListenerOptions) {
    this.#options = options;
    this.#patience = options.patience ?? PATIENCE;
    this.#server = createTcpServer((socket) => this.#accept(socket));
    if (!options.tls) return;
    const handshake = { minVersion: 'TLSv1.2', handshakeTimeout: this.#patience.firstMessageMs } as const;
    this.#tls = createTlsServer({ ...options.tls, ...handshake }, (socket) => this.#secured(socket));
    // Node closes none of them, not even when the time for the handshake is over.
    this.#tls.on('tlsClientError', (_error, socket) => socket.destroy());
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
    this.#accept(socket);
    socket.resume();
  }

  async stop(): Promise<void> {
    const closed = this.#server.listening && new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#connections.keys()) socket.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    const { remoteAddress: address, remotePort: port } = socket;
    socket.on('error', () => socket.destroy());
    const slot = address === undefined ? undefined : this.#options.slots.take(address, () => socket.destroy());
    if (address === undefined || port === undefined || !slot) {
      slot?.free();
      socket.destroy();
      return;
    }
    const connection = { from: { address, port }, slot };
    const name = `${address}:${port}`;
    this.#connections.set(socket, connection);
    socket.once('close', () => {
      this.#connections.delete(socket);
      if (this.#handshakes.get(name) === connection) this.#handshakes.delete(name);
      slot.free();
    });
    socket.setNoDelay(true);
    if (this.#tls) {
      this.#handshakes.set(name, connection);
      this.#tls.emit('connection', socket);
    } else {
      this.#follow(socket, connection);
    }
  }

  #secured(socket: Socket): void {
    const name = `${socket.remoteAddress}:${socket.remotePort}`;
    const connection = this.#handshakes.get(name);
    this.#handshakes.delete(name);
    socket.on('error', () => socket.destroy());
    if (connection) this.#follow(socket, connection);
    else socket.destroy();
  }

  /** @param socket what messages come from: that which was accepted, or the one over TLS on it */
  #follow(socket: Socket, { from, slot }: Connection): void {
    const frames = new StreamFrames();
    const { firstMessageMs, allocationMs } = this.#patience;
    const within = (ms: number) => setTimeout(() => socket.destroy(), ms);
    let deadline = within(firstMessageMs);
    let hasSpoken = false;
    const link = streamLink(socket, from, this.#options.tls ? 'tls' : 'tcp', (held) => {
      if (socket.destroyed) return;
      slot.setProven(held);
      clearTimeout(deadline);
      if (!held) deadline = within(allocationMs);
    });
    socket.on('data', (chunk) => {
      const messages = frames.push(chunk, slot.isProven ? undefined : UNPROVEN_MESSAGE_BYTES_MAX);
      if (!hasSpoken && messages?.length) {
        hasSpoken = true;
        clearTimeout(deadline);
        deadline = within(allocationMs);
      }
      for (const message of messages ?? []) {
        if (socket.destroyed) return;
        this.#options.onMessage(message, link);
      }
      if (messages === undefined) socket.destroy();
    });
    socket.once('close', () => {
      clearTimeout(deadline);
      this.#options.onClosed(link);
    });
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
