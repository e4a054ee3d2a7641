// How a client is reached: by datagrams, or by a stream of framed messages
// (RFC 8656 §2.1, §12.5). The relay sends through it and asks nothing else.
import type { Socket } from 'node:dgram';
import type { TransportAddress } from '../core/address.ts';

export interface ClientLink {
  /** The 5-tuple's name: the relay knows an allocation by it. */
  readonly key: string;
  readonly from: TransportAddress;
  /** Over UDP, where the address and port of a datagram are all that names the client. */
  readonly isDatagrams: boolean;
  isOpen(): boolean;
  /** A reply. */
  send(message: Buffer): void;
  /** A Data indication; false when the client does not read: what is real-time is better lost than late. */
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
    send: (message) => listener.send(message, from.port, from.address),
    sendData: (message) => {
      listener.send(message, from.port, from.address);
      return true;
    },
    sendChannelData: (channel, data) => {
      const header = Buffer.allocUnsafe(4);
      header.writeUInt16BE(channel, 0);
      header.writeUInt16BE(data.length, 2);
      listener.send([header, data], from.port, from.address);
      return true;
    },
  };
}
