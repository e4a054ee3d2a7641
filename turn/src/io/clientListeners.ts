// Where clients come in: UDP, TCP and TLS, on an address of each family.
import type { Socket as NetSocket } from 'node:net';
import type { Log } from '@carillon/service';
import { familyOf, type TransportAddress } from '../core/address.ts';
import type { ClientLink } from './clientLink.ts';
import type { ListenerPorts, RelayOptions, RelayPorts } from './relayOptions.ts';
import { StreamListener } from './streamListener.ts';
import { UdpSocket } from './udpSocket.ts';

export interface ClientEvents {
  onDatagram(datagram: Buffer, from: TransportAddress, listener: UdpSocket): void;
  onMessage(message: Buffer, link: ClientLink): void;
  onClosed(link: ClientLink): void;
}

interface Listener {
  readonly host: string;
  udp: UdpSocket | undefined;
  readonly tcp: StreamListener | undefined;
  readonly tls: StreamListener | undefined;
}

export class ClientListeners {
  readonly #options: RelayOptions;
  readonly #events: ClientEvents;
  readonly #log: Log;
  readonly #ipv4: Listener;
  readonly #ipv6: Listener | undefined;

  constructor(options: RelayOptions, events: ClientEvents) {
    this.#options = options;
    this.#events = events;
    this.#log = options.log;
    const listenerOn = (host: string): Listener => {
      const streams = (port: number, tls?: { cert: string | Buffer; key: string | Buffer }) =>
        new StreamListener({ host, port, tls, onMessage: events.onMessage, onClosed: events.onClosed });
      const { tcpPort, tls } = options;
      return {
        ...{ host, udp: undefined, tcp: tcpPort === undefined ? undefined : streams(tcpPort) },
        tls: tls && streams(tls.port, tls),
      };
    };
    this.#ipv4 = listenerOn(options.listen);
    this.#ipv6 = options.ipv6 && listenerOn(options.ipv6.listen);
  }

  /** Resolves with the ports. @throws Error when one is taken */
  async start(): Promise<RelayPorts> {
    const ports = await this.#open(this.#ipv4);
    return this.#ipv6 ? { ...ports, ipv6: await this.#open(this.#ipv6) } : ports;
  }

  async #open(listener: Listener): Promise<ListenerPorts> {
    const { host, tcp, tls } = listener;
    const udp = await UdpSocket.bind(familyOf(host), { address: host, port: this.#options.port });
    listener.udp = udp;
    udp.listen(
      (datagram, from) => this.#events.onDatagram(datagram, from, udp),
      (error) => this.#log.warn('listener error', { error: error.message }),
    );
    const { port } = udp.at;
    if (this.#options.adoptsStreams) return { udp: port, tcp: undefined, tls: undefined };
    return { udp: port, tcp: await tcp?.start(), tls: await tls?.start() };
  }

  /** A connection that another process accepted. */
  adopt(over: 'tcp' | 'tls', socket: NetSocket): void {
    const listener = familyOf(socket.remoteAddress ?? '') === 'ipv6' ? this.#ipv6 : this.#ipv4;
    const streams = listener?.[over];
    if (streams) streams.adopt(socket);
    else socket.destroy();
  }

  async stop(): Promise<void> {
    const closed = [this.#ipv4, this.#ipv6].flatMap((listener) => [
      listener?.udp?.close(),
      listener?.tcp?.stop(),
      listener?.tls?.stop(),
    ]);
    await Promise.all(closed);
  }

  /** Over TCP and TLS. */
  get connections(): number {
    const streams = [this.#ipv4.tcp, this.#ipv4.tls, this.#ipv6?.tcp, this.#ipv6?.tls];
    return streams.reduce((sum, stream) => sum + (stream?.connections ?? 0), 0);
  }
}
