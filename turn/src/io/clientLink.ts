// How a client is reached: by datagrams, or by a stream of framed messages
// (RFC 8656 §2.1, §12.5). The relay sends through it and asks nothing else.
import type { Socket } from 'node:dgram';
import type { TransportAddress } from '../core/address.ts';
import { isBacklogged } from './udpSocket.ts';

/** Replies keep room where data has none any more: they are few, small, and asked for again. */
const REPLY_BACKLOG_BYTES_MAX = 256 * 1024;

export interface ClientLink {
  /** The 5-tuple's name: the relay knows an allocation by it. */
  readonly key: string;
  readonly from: TransportAddress;
  /** Over UDP, where the address and port of a datagram are all that names the client. */
  readonly isDatagrams: boolean;
  isOpen(): boolean;
  /** A reply; false when the client, or the network before it, takes no more. */
  send(message: Buffer): boolean;
  /** A Data indication; false as above, and earlier: what is real-time is better lost than late. */
  sendData(message: Buffer): boolean;
  sendChannelData(channel: number, data: Buffer): boolean;
  /** The allocation that came over it is there, or is gone. */
  onAllocation?(held: boolean): void;
}

export function udpLink(listener: Socket, key: string, from: TransportAddress): ClientLink {
  return {
    key,
    from,
    isDatagrams: true,
    isOpen: () => true,
    send: (message) => {
      if (isBacklogged(listener, REPLY_BACKLOG_BYTES_MAX)) return false;
      listener.send(message, from.port, from.address);
      return true;
    },
    sendData: (message) => {
      if (isBacklogged(listener)) return false;
      listener.send(message, from.port, from.address);
      return true;
    },
    sendChannelData: (channel, data) => {
      if (isBacklogged(listener)) return false;
      const header = Buffer.allocUnsafe(4);
      header.writeUInt16BE(channel, 0);
      header.writeUInt16BE(data.length, 2);
      listener.send([header, data], from.port, from.address);
      return true;
    },
  };
}
