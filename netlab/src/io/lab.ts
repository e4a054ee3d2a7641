// A small internet of namespaces: servers in the middle, NATs around it, hosts
// behind them or on it directly. Made by root on this machine, reachable from
// nowhere, and gone when the process ends.
import path from 'node:path';
import { INTERNET, PLACES_MAX, privateAddress, publicAddress, SERVERS_MAX, serverAddress } from '../core/addresses.ts';
import type { NatKind } from '../core/natRules.ts';
import { type EmulatorProcess, Link, type LinkWanted, waysOf } from '../emulator/link.ts';
import { deviceNames } from '../emulator/messages.ts';
import { whyNoLab } from './availability.ts';
import { Controlled } from './controlled.ts';
import { Host } from './host.ts';
import { Namespace, removeStaleNamespaces } from './namespace.ts';
import { Nat } from './nat.ts';

const EMULATOR = path.join(import.meta.dirname, '../emulator/emulatorMain.ts');
const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Packets that a device may hold for socat; lower, and a burst loses some that no setting asked for. */
const DEVICE_PACKETS = 2_000;

export class Lab {
  readonly internet: Namespace;
  readonly servers: readonly string[] = Array.from({ length: SERVERS_MAX }, (_, index) => serverAddress(index));
  readonly #namespaces: Namespace[] = [];
  #places = 0;
  #hosts = 0;
  #links = 0;
  #emulator: { readonly namespace: Namespace; readonly process: EmulatorProcess } | undefined;
  readonly #onExit = () => this.#remove();
  readonly #onSignal = (signal: NodeJS.Signals) => {
    this.#remove();
    process.off(signal, this.#onSignal);
    process.kill(process.pid, signal);
  };

  /** @throws Error in words where none can be had (`whyNoLab`) */
  static open(): Lab {
    const why = whyNoLab();
    if (why) throw new Error(`No laboratory of networks: ${why}.`);
    removeStaleNamespaces();
    return new Lab();
  }

  private constructor() {
    process.on('exit', this.#onExit);
    for (const signal of ENDS) process.on(signal, this.#onSignal);
    try {
      this.internet = this.#namespace('internet');
      this.internet.sysctl({ 'net.ipv4.ip_forward': 1 });
      this.internet.ip([
        'link add servers type bridge',
        ...this.servers.map((address) => `addr add ${address}/32 dev servers`),
        'link set servers up',
        // What is nowhere vanishes, as on the internet, instead of being an error at the sender.
        'neigh add 203.0.113.254 lladdr 02:00:00:00:00:fe dev servers nud permanent',
        'route add default via 203.0.113.254 dev servers onlink',
      ]);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  nat(kind: NatKind): Nat {
    const place = this.#nextPlace();
    const namespace = this.#namespace(`nat${place}`);
    namespace.sysctl({ 'net.ipv4.ip_forward': 1 });
    namespace.ip(['link add lan type bridge', `addr add ${privateAddress(place, 1)}/24 dev lan`, 'link set lan up']);
    this.#plug(namespace, 'wan', place);
    return new Nat(namespace, place, kind);
  }

  /** A host without a network; it joins a NAT's or the internet. */
  host(): Host {
    return new Host(this.#namespace(`host${++this.#hosts}`), (namespace) => {
      const place = this.#nextPlace();
      this.#plug(namespace, 'eth0', place);
      return { address: publicAddress(place), place };
    });
  }

  /**
   * Puts an emulated link in the place of the cable between the internet and a NAT, or a host that is there itself.
   * Its settings hold for each direction; chance comes from `seed`.
   */
  async link(end: Nat | Host, wanted: LinkWanted, seed = 1): Promise<Link> {
    const { namespace, place } = end;
    if (place === undefined) throw new Error('Only what is on the internet itself has a link to it.');
    const number = ++this.#links;
    this.#emulator ??= this.#startEmulator();
    await this.#emulator.process.request({ do: 'open', link: number, ways: waysOf(wanted), seed });
    const { near, far } = deviceNames(number);
    const outside = `to${place}`;
    this.internet.ip([`link del ${outside}`]);
    this.#emulator.namespace.ip([
      `link set ${near} txqueuelen ${DEVICE_PACKETS} netns ${namespace.name} name ${uplinkOf(end)}`,
      `link set ${far} txqueuelen ${DEVICE_PACKETS} netns ${this.internet.name} name ${outside}`,
    ]);
    this.#address(namespace, uplinkOf(end), place);
    return new Link(this.#emulator.process, number);
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const signal of ENDS) process.off(signal, this.#onSignal);
    this.#remove();
  }

  /** A cable from the internet to `namespace`, with an address there. */
  #plug(namespace: Namespace, name: string, place: number): void {
    this.internet.ip([`link add to${place} type veth peer name ${name} netns ${namespace.name}`]);
    this.#address(namespace, name, place);
  }

  #address(namespace: Namespace, name: string, place: number): void {
    const address = publicAddress(place);
    namespace.ip([
      `addr add ${address} peer ${serverAddress(0)} dev ${name}`,
      `link set ${name} up`,
      `route add default via ${serverAddress(0)}`,
    ]);
    this.internet.ip([`link set to${place} up`, `route add ${address}/32 dev to${place}`]);
  }

  #startEmulator(): { readonly namespace: Namespace; readonly process: EmulatorProcess } {
    const namespace = this.#namespace('links');
    return { namespace, process: new Controlled(namespace, 'the emulator', EMULATOR) };
  }

  #namespace(label: string): Namespace {
    const namespace = new Namespace(label);
    this.#namespaces.push(namespace);
    return namespace;
  }

  #nextPlace(): number {
    if (this.#places === PLACES_MAX) throw new Error(`A laboratory has at most ${PLACES_MAX} places (${INTERNET}).`);
    return ++this.#places;
  }

  #remove(): void {
    for (const namespace of this.#namespaces.splice(0).reverse()) namespace.remove();
  }
}

function uplinkOf(end: Nat | Host): string {
  return end instanceof Nat ? 'wan' : 'eth0';
}
