import type { Namespace } from './namespace.ts';
import type { Nat } from './nat.ts';

/** A device: one network at a time, which may change while it runs. */
export class Host {
  readonly namespace: Namespace;
  #address: string | undefined;
  #place: number | undefined;
  #nat: Nat | undefined;
  readonly #joinInternet: (host: Namespace) => { readonly address: string; readonly place: number };

  constructor(
    namespace: Namespace,
    joinInternet: (host: Namespace) => { readonly address: string; readonly place: number },
  ) {
    this.namespace = namespace;
    this.#joinInternet = joinInternet;
  }

  /** Undefined while it is in no network. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Where it is on the internet; undefined while it is not there itself. */
  get place(): number | undefined {
    return this.#place;
  }

  /** Leaves the network it is in for this one: its address is gone, another comes. */
  join(network: Nat | 'internet'): this {
    this.leave();
    if (network === 'internet') {
      const { address, place } = this.#joinInternet(this.namespace);
      this.#address = address;
      this.#place = place;
    } else {
      this.#nat = network;
      this.#address = network.plug(this.namespace, INTERFACE);
    }
    return this;
  }

  /** Stays in its network, with another address: nothing but that is to be seen of the change. @throws Error when it is behind no NAT */
  renumber(): this {
    if (!this.#nat || this.#address === undefined)
      throw new Error('Only a host behind a NAT is given another address.');
    this.#address = this.#nat.renumber(this.namespace, INTERFACE, this.#address);
    return this;
  }

  /** No network at all, as in a lift. */
  leave(): void {
    if (this.#address === undefined) return;
    this.namespace.ip([`link del ${INTERFACE}`]);
    this.#address = undefined;
    this.#place = undefined;
    this.#nat = undefined;
  }
}

const INTERFACE = 'eth0';
