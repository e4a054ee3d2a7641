// What a relay is given, and what it tells.
import type { Log } from '@carillon/service';
import type { PortSpan } from '../core/ownHost.ts';
import type { UserRates } from '../core/userQuota.ts';

export interface Ipv6Options {
  readonly listen: string;
  /** As peers see the relay; the listening address when not given. */
  readonly relayAddress?: string | undefined;
}

export interface RelayOptions {
  readonly listen: string;
  /** On the same ports; undefined: no clients and no peers over IPv6. */
  readonly ipv6?: Ipv6Options | undefined;
  readonly port: number;
  /** TCP, on the same address; undefined: none, 0: a free port. */
  readonly tcpPort?: number | undefined;
  readonly tls?: { readonly port: number; readonly cert: string | Buffer; readonly key: string | Buffer } | undefined;
  /** Connections are not listened for but come by `adopt`, from the process that listens for all workers. */
  readonly adoptsStreams?: boolean;
  /** As peers see the relay; the listening address when not given. */
  readonly relayAddress?: string | undefined;
  readonly portMin: number;
  readonly portMax: number;
  readonly realm: string;
  /** A credential of any of them holds. */
  readonly secrets: readonly string[];
  readonly allowPeers: readonly string[];
  /** UDP ports of other services on this host that are peers; else it has none but the relayed ones. */
  readonly hostPorts?: readonly PortSpan[];
  readonly allocationsPerUserMax: number;
  readonly allocationsMax: number;
  /** Replies a second to one address that has proved nothing. */
  readonly unprovenPerSecond: number;
  /** What each user may have relayed. */
  readonly userRates: UserRates;
  /** How long `stop` waits for allocations over which something is being relayed. */
  readonly drainMs: number;
  readonly log: Log;
  /** Milliseconds that only go on: lifetimes must not end because a clock is set. */
  readonly now: () => number;
  /** Unix milliseconds, by which credentials end. */
  readonly unixNow: () => number;
  /** Sees every relayed datagram: tests assert that it is ciphertext. */
  readonly tap?: ((datagram: Buffer) => void) | undefined;
}

export interface ListenerPorts {
  readonly udp: number;
  readonly tcp: number | undefined;
  readonly tls: number | undefined;
}

export interface RelayPorts extends ListenerPorts {
  /** The same as over IPv4, unless free ones were asked for. */
  readonly ipv6?: ListenerPorts;
}

export interface RelayStats {
  readonly allocations: number;
  readonly users: number;
  readonly allocatedTotal: number;
  readonly toPeerPackets: number;
  readonly toPeerBytes: number;
  readonly toClientPackets: number;
  readonly toClientBytes: number;
  readonly refusedPackets: number;
  /** Dropped because their user had used up its bits or packets. */
  readonly overQuotaPackets: number;
  /** Dropped because a client over TCP or TLS did not read, or the network took no more. */
  readonly backlogPackets: number;
  /** Over TCP and TLS. */
  readonly connections: number;
  /** Whose handling failed by an error of the relay's own. */
  readonly failedPackets: number;
  /** Requests left unanswered because their source had its replies. */
  readonly limitedRequests: number;
}
