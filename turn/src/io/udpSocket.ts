// UDP sockets, to clients and to peers.
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Family, TransportAddress } from '../core/address.ts';
import { UdpHandle } from './udpHandle.ts';

/** A burst of a video key frame times a dozen calls. */
const SOCKET_BUFFER_BYTES = 1 << 20;
/** Of a range in which nine of ten ports are taken, one in forty thousand requests is answered 508 without need. */
const BIND_ATTEMPTS = 100;

export interface PortRange {
  readonly min: number;
  readonly max: number;
  readonly even: boolean;
}

export class UdpSocket {
  readonly at: TransportAddress;
  readonly #socket: Socket;
  readonly #handle: UdpHandle | undefined;
  #isOpen = true;

  private constructor(socket: Socket, handle: UdpHandle | undefined) {
    this.#socket = socket;
    this.#handle = handle;
    this.at = socket.address();
  }

  /** @throws Error when the port is taken */
  static async bind(
    family: Family,
    at: TransportAddress,
    { usesHandle = true }: { usesHandle?: boolean } = {},
  ): Promise<UdpSocket> {
    const socket = createSocket({
      type: family === 'ipv4' ? 'udp4' : 'udp6',
      // Else a listener on `::` would take the packets of IPv4 too, under addresses that name it twice.
      ipv6Only: family === 'ipv6',
      recvBufferSize: SOCKET_BUFFER_BYTES,
      sendBufferSize: SOCKET_BUFFER_BYTES,
      // Addresses are literal: without this every datagram waits for a resolver's turn.
      lookup: (hostname, _options, callback) => callback(null, hostname, family === 'ipv4' ? 4 : 6),
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ ...at, exclusive: true }, () => {
          socket.off('error', reject);
          resolve();
        });
      });
    } catch (error) {
      socket.close();
      throw error;
    }
    return new UdpSocket(socket, usesHandle ? UdpHandle.of(socket) : undefined);
  }

  /** On a random port of the range (RFC 8656 §7.2, RFC 6056 §3.3.2). @throws Error when chance finds none that is free */
  static async bindInRange(family: Family, address: string, range: PortRange): Promise<UdpSocket> {
    const step = range.even ? 2 : 1;
    const first = range.even ? range.min + (range.min % 2) : range.min;
    const count = Math.max(1, Math.floor((range.max - first) / step) + 1);
    for (let attempt = 1; ; attempt++) {
      try {
        return await UdpSocket.bind(family, { address, port: first + step * randomInt(count) });
      } catch (error) {
        if (attempt === BIND_ATTEMPTS) throw new Error('no port is free', { cause: error });
      }
    }
  }

  /** Errors are of single datagrams: an ICMP error for one must not end what serves all. */
  listen(onDatagram: (datagram: Buffer, from: TransportAddress) => void, onError: (error: Error) => void): void {
    this.#socket.on('error', onError);
    if (this.#handle) this.#handle.onDatagram(onDatagram);
    else this.#socket.on('message', onDatagram);
  }

  send(datagram: Buffer, { port, address }: TransportAddress): void {
    if (!this.#isOpen) return;
    if (this.#handle) this.#handle.send(datagram, port, address);
    else this.#socket.send(datagram, port, address);
  }

  /** Both as one datagram. */
  sendBoth(list: [Buffer, Buffer], { port, address }: TransportAddress): void {
    if (!this.#isOpen) return;
    if (this.#handle) this.#handle.sendBoth(list, port, address);
    else this.#socket.send(list, port, address);
  }

  /** Hears nothing any more at once; resolves when its port is free. */
  close(): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isOpen = false;
    return new Promise((resolve) => this.#socket.close(resolve));
  }
}
