// The allocations of a process, by all that packets name them by.
import type { Socket } from 'node:dgram';
import { type Family, familyOf, type TransportAddress } from '../core/address.ts';
import type { KnownAllocation } from '../core/requests.ts';
import type { UserQuota } from '../core/userQuota.ts';
import type { ClientLink } from './clientLink.ts';

export interface Allocation extends KnownAllocation {
  readonly quota: UserQuota;
  readonly link: ClientLink;
  readonly socket: Socket;
  /** As peers are told it. */
  readonly relayed: TransportAddress;
}

export class AllocationTable {
  readonly #byKey = new Map<string, Allocation>();
  /** Those over UDP by the client's port: the name of a client costs more than the rest of a packet's way. */
  readonly #byClientPort = new Map<number, Allocation>();
  readonly #byRelayedPort: Readonly<Record<Family, Map<number, Allocation>>> = { ipv4: new Map(), ipv6: new Map() };

  get size(): number {
    return this.#byKey.size;
  }

  all(): Iterable<Allocation> {
    return this.#byKey.values();
  }

  /** @param key of the link that it came over */
  of(key: string): Allocation | undefined {
    return this.#byKey.get(key);
  }

  /** That of a client over UDP. */
  from(address: string, port: number): Allocation | undefined {
    const ofPort = this.#byClientPort.get(port);
    return ofPort?.link.from.address === address ? ofPort : this.#byKey.get(`${address}:${port}`);
  }

  /** That whose relayed address it is. */
  relaying(at: TransportAddress): Allocation | undefined {
    const ofPort = this.#byRelayedPort[familyOf(at.address)].get(at.port);
    return ofPort?.relayed.address === at.address ? ofPort : undefined;
  }

  add(allocation: Allocation): void {
    const { link, family, relayed } = allocation;
    this.#byKey.set(link.key, allocation);
    this.#byRelayedPort[family].set(relayed.port, allocation);
    if (link.isDatagrams) this.#byClientPort.set(link.from.port, allocation);
  }

  delete(allocation: Allocation): void {
    const { link, family, relayed } = allocation;
    if (this.#byKey.get(link.key) === allocation) this.#byKey.delete(link.key);
    if (this.#byClientPort.get(link.from.port) === allocation) this.#byClientPort.delete(link.from.port);
    const byRelayedPort = this.#byRelayedPort[family];
    if (byRelayedPort.get(relayed.port) === allocation) byRelayedPort.delete(relayed.port);
  }
}
