// Who may hold a connection. One without an allocation has proved nothing, and
// costs whoever opens it less than us: such are bounded for an address, for a
// site of IPv6, and in all. Where all are taken the oldest goes, since who means
// to call has an allocation long before; else a few addresses could shut out
// everybody.
import { familyOf, ipv6Bytes, ipv6Text } from './address.ts';
import { sourceOf } from './sourceLimit.ts';

export interface SlotBounds {
  /** Connections of one address without an allocation; many people share one, few connect in the same seconds. */
  readonly perAddress: number;
  /** Of one /48, which a site may have for itself (RFC 6177) with its 65,536 networks. */
  readonly perSite: number;
  /** Without an allocation, in all; each takes a descriptor and about 10 KB (TLS 50 KB). */
  readonly unproven: number;
  /** With an allocation too. */
  readonly connections: number;
}

/** Lower shuts out offices and carriers whose people share an address; higher helps who holds connections open. */
const UNPROVEN_PER_ADDRESS_MAX = 128;
const UNPROVEN_PER_SITE_MAX = 512;
/** Higher takes memory (100 MB over TLS); lower, and fewer addresses can evict each other's. */
const UNPROVEN_MAX = 2_000;

/** @param descriptors that the process may have: half of them are left to relayed sockets, or connections would take all */
export function slotBounds(allocationsMax: number, descriptors: number): SlotBounds {
  const unproven = Math.min(UNPROVEN_MAX, Math.floor(descriptors / 4));
  return {
    perAddress: Math.min(UNPROVEN_PER_ADDRESS_MAX, unproven),
    perSite: Math.min(UNPROVEN_PER_SITE_MAX, unproven),
    unproven,
    connections: Math.min(allocationsMax + unproven, Math.floor(descriptors / 2)),
  };
}

export interface ConnectionSlot {
  readonly isProven: boolean;
  /** The connection has an allocation, or has none any more. */
  setProven(proven: boolean): void;
  /** The connection is gone. */
  free(): void;
}

interface Slot {
  readonly sources: readonly string[];
  readonly evict: () => void;
  isFree: boolean;
}

export class ConnectionSlots {
  readonly #bounds: SlotBounds;
  /** Oldest first. */
  readonly #unproven = new Set<Slot>();
  readonly #bySource = new Map<string, number>();
  #connections = 0;

  constructor(bounds: SlotBounds) {
    this.#bounds = bounds;
  }

  /**
   * Undefined when that address has too many, or when nothing can make room.
   * @param evict ends the connection; its slot is free by then
   */
  take(address: string, evict: () => void): ConnectionSlot | undefined {
    const source = sourceOf(address);
    const site = siteOf(address);
    if (this.#countOf(source) >= this.#bounds.perAddress) return undefined;
    if (site !== undefined && this.#countOf(site) >= this.#bounds.perSite) return undefined;
    const isFull = this.#connections >= this.#bounds.connections;
    if ((isFull || this.#unproven.size >= this.#bounds.unproven) && !this.#evictOldest()) return undefined;
    const slot: Slot = { sources: site === undefined ? [source] : [source, site], evict, isFree: false };
    this.#connections++;
    this.#add(slot);
    const isProven = () => !this.#unproven.has(slot);
    return {
      get isProven() {
        return isProven();
      },
      setProven: (proven) => {
        if (slot.isFree || proven === isProven()) return;
        if (proven) this.#remove(slot);
        else this.#addAgain(slot);
      },
      free: () => this.#free(slot),
    };
  }

  /** Those with an allocation too. */
  get connections(): number {
    return this.#connections;
  }

  /** Who gave its allocation back has room, as if it came now. */
  #addAgain(slot: Slot): void {
    if (this.#unproven.size >= this.#bounds.unproven) this.#evictOldest();
    this.#add(slot);
  }

  #evictOldest(): boolean {
    const [oldest] = this.#unproven;
    if (!oldest) return false;
    this.#free(oldest);
    oldest.evict();
    return true;
  }

  #free(slot: Slot): void {
    if (slot.isFree) return;
    slot.isFree = true;
    this.#connections--;
    this.#remove(slot);
  }

  #add(slot: Slot): void {
    this.#unproven.add(slot);
    for (const source of slot.sources) this.#bySource.set(source, this.#countOf(source) + 1);
  }

  #remove(slot: Slot): void {
    if (!this.#unproven.delete(slot)) return;
    for (const source of slot.sources) {
      const left = this.#countOf(source) - 1;
      if (left > 0) this.#bySource.set(source, left);
      else this.#bySource.delete(source);
    }
  }

  #countOf(source: string): number {
    return this.#bySource.get(source) ?? 0;
  }
}

/** Its /48, written so that it is no network of 64 bits. */
function siteOf(address: string): string | undefined {
  return familyOf(address) === 'ipv4' ? undefined : `${ipv6Text(ipv6Bytes(address).fill(0, 6))}/48`;
}
