// UDP sockets, to clients and to peers.
import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Family } from '../core/address.ts';

/** A burst of a video key frame times a dozen calls. */
const SOCKET_BUFFER_BYTES = 1 << 20;
/**
 * What waits in this process beyond the socket's own buffer: about as much as a client over TCP may leave
 * unread. More is sound that comes late and memory that whoever sends fast enough fills; less drops key frames.
 */
const SEND_BACKLOG_BYTES_MAX = 128 * 1024;
/** Of a range in which nine of ten ports are taken, one in forty thousand requests is answered 508 without need. */
const BIND_ATTEMPTS = 100;

export function createUdpSocket(family: Family): Socket {
  return createSocket({
    type: family === 'ipv4' ? 'udp4' : 'udp6',
    // Else a listener on `::` would take the packets of IPv4 too, under addresses that name it twice.
    ipv6Only: family === 'ipv6',
    recvBufferSize: SOCKET_BUFFER_BYTES,
    sendBufferSize: SOCKET_BUFFER_BYTES,
    // Addresses are literal: without this every datagram waits for a resolver's turn.
    lookup: (hostname, _options, callback) => callback(null, hostname, family === 'ipv4' ? 4 : 6),
  });
}

/** The network takes no more at the moment: libuv would keep what is sent on the heap, without a bound. */
export function isBacklogged(socket: Socket, bytesMax = SEND_BACKLOG_BYTES_MAX): boolean {
  return socket.getSendQueueSize() > bytesMax;
}

/** @throws Error when the port is taken */
export function bind(socket: Socket, port: number, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address, exclusive: true }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}

export interface PortRange {
  readonly min: number;
  readonly max: number;
  readonly even: boolean;
}

/** On a random port of the range (RFC 8656 §7.2, RFC 6056 §3.3.2). @throws Error when chance finds none that is free */
export async function bindInRange(family: Family, address: string, range: PortRange): Promise<Socket> {
  const step = range.even ? 2 : 1;
  const first = range.even ? range.min + (range.min % 2) : range.min;
  for (let attempt = 1; ; attempt++) {
    const socket = createUdpSocket(family);
    try {
      await bind(socket, first + step * randomInt(Math.max(1, Math.floor((range.max - first) / step) + 1)), address);
      return socket;
    } catch (error) {
      socket.close();
      if (attempt === BIND_ATTEMPTS) throw new Error('no port is free', { cause: error });
    }
  }
}
