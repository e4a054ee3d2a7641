// The host that the relay is on, as a peer. What a relay sends to its own host
// passes no firewall and looks as if the host had sent it: so of its own ports
// only those are peers that are meant to be. And behind a NAT that does not lead
// back what comes from inside (RFC 4787 §6) the way is an address of its own.
import type { TransportAddress } from './address.ts';

export interface OwnAddress {
  readonly address: string;
  /** Where the host reaches itself instead, if it may not by that address. */
  readonly inside?: string;
}

export interface PortSpan {
  readonly first: number;
  readonly last: number;
}

export interface OwnHostOptions {
  readonly addresses: readonly OwnAddress[];
  /** Whether the configuration names that address as a peer, whatever the port. */
  readonly isNamed: (address: string) => boolean;
  /** Whether an allocation of this process has that relayed address. */
  readonly isRelayed: (peer: TransportAddress) => boolean;
  /** Of other services on it that are peers, as an SFU is; and what other processes of this relay relay from. */
  readonly peerPorts: readonly PortSpan[];
}

export class OwnHost {
  readonly #options: OwnHostOptions;
  /** Each, and whether any port of it may be a peer: asked for with every packet. */
  readonly #isOpen: ReadonlyMap<string, boolean>;
  readonly #inside = new Map<string, string>();
  readonly #outside = new Map<string, string>();
  readonly #listening = new Set<number>();

  constructor(options: OwnHostOptions) {
    this.#options = options;
    this.#isOpen = new Map(options.addresses.map(({ address }) => [address, options.isNamed(address)]));
    for (const { address, inside } of options.addresses) {
      if (inside === undefined) continue;
      this.#inside.set(address, inside);
      this.#outside.set(inside, address);
    }
  }

  /** Clients come in at that port: as a peer it would make the relay a client of its own. */
  listensOn(port: number): void {
    this.#listening.add(port);
  }

  /** False for a port of this host that is no peer. */
  permits(peer: TransportAddress): boolean {
    const { address, port } = peer;
    const isOpen = this.#isOpen.get(address);
    if (isOpen === undefined) return true;
    if (this.#listening.has(port)) return false;
    return isOpen || this.#isMeant(peer);
  }

  /** Where to send what is for that peer: other ports of the same address may be other hosts' behind the NAT. */
  inside(peer: TransportAddress): string {
    const inside = this.#inside.get(peer.address);
    return inside !== undefined && this.#isMeant(peer) ? inside : peer.address;
  }

  #isMeant(peer: TransportAddress): boolean {
    const { peerPorts, isRelayed } = this.#options;
    return isRelayed(peer) || peerPorts.some(({ first, last }) => peer.port >= first && peer.port <= last);
  }

  /** By which address others know who sends from that one, if it has another. */
  outside(address: string): string | undefined {
    return this.#outside.get(address);
  }
}
