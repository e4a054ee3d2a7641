// Which peers a client may have the relay send to. Without this a relay is a
// door into the network it stands in: metadata services, routers, databases.
import { BlockList, isIP } from 'node:net';

/** Special-purpose ranges (IANA registry, RFC 6890): none is a peer on the internet. */
const REFUSED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];

/** Never, whatever is configured: a datagram to these reaches more than one peer. */
const NEVER = ['0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32'];

export class PeerPolicy {
  readonly #refused = blockList(REFUSED);
  readonly #never = blockList(NEVER);
  readonly #allowed: BlockList;

  /** @param allowed networks in CIDR form that may be peers although they are special. @throws Error on a malformed one */
  constructor(allowed: readonly string[]) {
    this.#allowed = blockList(allowed);
  }

  /** @param address an IPv4 address, as read from the wire */
  permits(address: string): boolean {
    if (this.#never.check(address)) return false;
    return !this.#refused.check(address) || this.#allowed.check(address);
  }
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', bits] = network.split('/');
    const version = isIP(address);
    if (version === 0) throw new Error(`'${network}' is no network; write it like 192.168.0.0/16`);
    list.addSubnet(address, Number(bits ?? (version === 4 ? 32 : 128)), version === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}
