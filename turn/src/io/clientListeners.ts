// Where clients come in: UDP, TCP and TLS, on an address of each family.
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Socket as NetSocket } from 'node:net';
import { familyOf } from '../core/address.ts';
import { ConnectionSlots, slotBounds } from '../core/connectionSlots.ts';
import { BoundedLog } from './boundedLog.ts';
import type { ClientLink } from './clientLink.ts';
import { descriptorsMax } from './descriptors.ts';
import type { ListenerPorts, RelayOptions, RelayPorts } from './relayOptions.ts';
import { StreamListener } from './streamListener.ts';
import { bind, createUdpSocket } from './udpSocket.ts';

export interface ClientEvents {
  onDatagram(datagram: Buffer, from: RemoteInfo, listener: Socket): void;
  onMessage(message: Buffer, link: ClientLink): void;
  onClosed(link: ClientLink): void;
}

interface Listener {
  readonly host: string;
  readonly udp: Socket;
  readonly tcp: StreamListener | undefined;
  readonly tls: StreamListener | undefined;
}

export class ClientListeners {
  readonly #options: RelayOptions;
  readonly #log: BoundedLog;
  readonly #ipv4: Listener;
  readonly #ipv6: Listener | undefined;
  readonly #slots: ConnectionSlots;

  constructor(options: RelayOptions, events: ClientEvents) {
    this.#options = options;
    this.#log = new BoundedLog(options.log);
    this.#slots = new ConnectionSlots(slotBounds(options.allocationsMax, descriptorsMax()));
    const listenerOn = (host: string): Listener => {
      const udp = createUdpSocket(familyOf(host));
      udp.on('message', (datagram, from) => events.onDatagram(datagram, from, udp));
      const streams = (port: number, tls?: RelayOptions['tls']) =>
        new StreamListener({ ...events, host, port, tls, slots: this.#slots });
      const { tcpPort, tls } = options;
      return {
        ...{ host, udp, tcp: tcpPort === undefined ? undefined : streams(tcpPort) },
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

  async #open({ host, udp, tcp, tls }: Listener): Promise<ListenerPorts> {
    await bind(udp, this.#options.port, host);
    // An ICMP error for one client must not end the relay for all.
    udp.on('error', (error) => this.#log.warn('listener error', error));
    const { port } = udp.address();
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
      listener && new Promise<void>((resolve) => listener.udp.close(() => resolve())),
      listener?.tcp?.stop(),
      listener?.tls?.stop(),
    ]);
    await Promise.all(closed);
  }

  /** Over TCP and TLS. */
  get connections(): number {
    return this.#slots.connections;
  }
}
