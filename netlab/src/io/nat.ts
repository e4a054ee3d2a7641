import { privateAddress, publicAddress } from '../core/addresses.ts';
import { type NatKind, natRules } from '../core/natRules.ts';
import type { Namespace } from './namespace.ts';

/** A router with a network behind it. */
export class Nat {
  readonly namespace: Namespace;
  /** What the internet sees of all hosts behind it. */
  readonly address: string;
  readonly place: number;
  #hosts = 1;

  constructor(namespace: Namespace, place: number, kind: NatKind) {
    this.namespace = namespace;
    this.place = place;
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
    const address = privateAddress(this.place, number);
    this.namespace.ip([
      `link add port${number} type veth peer name ${name} netns ${host.name}`,
      `link set port${number} master lan`,
      `link set port${number} up`,
    ]);
    host.ip([
      `addr add ${address}/24 dev ${name}`,
      `link set ${name} up`,
      `route add default via ${privateAddress(this.place, 1)}`,
    ]);
    return address;
  }

  /** Another address on the same cable, there before the old one goes. Returns it. */
  renumber(host: Namespace, name: string, before: string): string {
    const address = privateAddress(this.place, ++this.#hosts);
    // Else it would go with the one that came before it.
    host.sysctl({ [`net.ipv4.conf.${name}.promote_secondaries`]: 1 });
    host.ip([`addr add ${address}/24 dev ${name}`, `addr del ${before}/24 dev ${name}`]);
    return address;
  }
}
