// A small internet of namespaces: servers in the middle, NATs around it, hosts
// behind them or on it directly. Made by root on this machine, reachable from
// nowhere, and gone when the process ends.
import { INTERNET, PLACES_MAX, privateAddress, publicAddress, SERVERS_MAX, serverAddress } from '../core/addresses.ts';
import { type NatKind, natRules } from '../core/natRules.ts';
import { whyNoLab } from './availability.ts';
import { Namespace, removeStaleNamespaces } from './namespace.ts';

export class Lab {
  readonly internet: Namespace;
  readonly servers: readonly string[] = Array.from({ length: SERVERS_MAX }, (_, index) => serverAddress(index));
  readonly #namespaces: Namespace[] = [];
  #places = 0;
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

  /** A host without a network; `joins` a NAT's or the internet. */
  host(): Host {
    const place = this.#nextPlace();
    return new Host(
      this.#namespace(`host${place}`),
      () => this.#nextPlace(),
      (host, wanted) => this.#plug(host, 'eth0', wanted),
    );
  }

  close(): void {
    process.off('exit', this.#onExit);
    for (const signal of ENDS) process.off(signal, this.#onSignal);
    this.#remove();
  }

  /** A cable from the internet to `namespace`, with an address there. */
  #plug(namespace: Namespace, name: string, place: number): string {
    const address = publicAddress(place);
    this.internet.ip([`link add to${place} type veth peer name ${name} netns ${namespace.name}`]);
    namespace.ip([
      `addr add ${address} peer ${serverAddress(0)} dev ${name}`,
      `link set ${name} up`,
      `route add default via ${serverAddress(0)}`,
    ]);
    this.internet.ip([`link set to${place} up`, `route add ${address}/32 dev to${place}`]);
    return address;
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

const ENDS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** A router with a network behind it. */
export class Nat {
  readonly namespace: Namespace;
  /** What the internet sees of all hosts behind it. */
  readonly address: string;
  readonly #place: number;
  #hosts = 1;

  constructor(namespace: Namespace, place: number, kind: NatKind) {
    this.namespace = namespace;
    this.#place = place;
    this.address = publicAddress(place);
    this.setKind(kind);
  }

  /** Another kind from now on; what was mapped is forgotten. */
  setKind(kind: NatKind): void {
    this.namespace.run('nft', ['-f', '-'], natRules(kind));
    this.forget();
  }

  /** As after a restart of the router: every mapping is gone. */
  forget(): void {
    this.namespace.run('conntrack', ['-F']);
  }

  /** A cable from its inner network to `host`. Returns the host's address. */
  plug(host: Namespace, name: string): string {
    const number = ++this.#hosts;
    const address = privateAddress(this.#place, number);
    this.namespace.ip([
      `link add port${number} type veth peer name ${name} netns ${host.name}`,
      `link set port${number} master lan`,
      `link set port${number} up`,
    ]);
    host.ip([
      `addr add ${address}/24 dev ${name}`,
      `link set ${name} up`,
      `route add default via ${privateAddress(this.#place, 1)}`,
    ]);
    return address;
  }
}

/** A device: one network at a time, which may change while it runs. */
export class Host {
  readonly namespace: Namespace;
  #address: string | undefined;
  readonly #nextPlace: () => number;
  readonly #plugIn: (host: Namespace, place: number) => string;

  constructor(namespace: Namespace, nextPlace: () => number, plugIn: (host: Namespace, place: number) => string) {
    this.namespace = namespace;
    this.#nextPlace = nextPlace;
    this.#plugIn = plugIn;
  }

  /** Undefined while it is in no network. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Leaves the network it is in for this one: its address is gone, another comes. */
  join(network: Nat | 'internet'): this {
    this.leave();
    this.#address =
      network === 'internet' ? this.#plugIn(this.namespace, this.#nextPlace()) : network.plug(this.namespace, 'eth0');
    return this;
  }

  /** No network at all, as in a lift. */
  leave(): void {
    if (this.#address === undefined) return;
    this.namespace.ip(['link del eth0']);
    this.#address = undefined;
  }
}
