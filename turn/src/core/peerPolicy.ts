// Which peers a client may have the relay send to. Without this a relay is a
// door into the network it stands in: metadata services, routers, databases.
import { BlockList, isIP } from 'node:net';
import { type Family, familyOf, ipv4Text, ipv6Bytes } from './address.ts';

/** Special-purpose ranges (IANA registries, RFC 6890): none is a peer on the internet. */
const REFUSED = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  // Azure's platform: DNS, health and metadata of the machine the relay runs on, at a public address.
  '168.63.129.16/32',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  // Relays of 6to4 (RFC 7526).
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
  // All but 2000::/3, which alone is given out for the internet (RFC 4291 §2.4): loopback, unique and
  // link-local, NAT64 (64:ff9b::/96) and what looks like IPv4 among it.
  '::/3',
  '4000::/2',
  '8000::/1',
  // Teredo and other protocols' own, documentation, 6to4, documentation again.
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '3fff::/20',
];

/**
 * Never, whatever is configured: a datagram to these reaches more than one peer, or an IPv4 peer that
 * the request did not name as one (`::ffff:0:0/96` and its older form).
 */
const NEVER = ['0.0.0.0/8', '224.0.0.0/4', '255.255.255.255/32', '::/128', '::ffff:0:0/96', 'ff00::/8'];

export class PeerPolicy {
  readonly #refused = networks(REFUSED);
  readonly #never = networks(NEVER);
  readonly #allowed: Networks;

  /** @param allowed networks in CIDR form that may be peers although they are special. @throws Error on a malformed one */
  constructor(allowed: readonly string[]) {
    this.#allowed = networks(allowed);
  }

  /** Whether the configuration names it, and it is not only one of the internet. */
  names(address: string): boolean {
    const family = familyOf(address);
    return this.#allowed[family].check(address, family);
  }

  /** @param address an IPv4 or IPv6 address, as read from the wire */
  permits(address: string): boolean {
    const family = familyOf(address);
    const isIn = (all: Networks) => all[family].check(address, family);
    if (isIn(this.#never) || (isIn(this.#refused) && !isIn(this.#allowed))) return false;
    const inner = family === 'ipv6' ? embeddedIpv4(ipv6Bytes(address)) : undefined;
    return inner === undefined || this.permits(inner);
  }
}

/**
 * Where a translator or tunnel takes the datagram (RFC 6052 §2.1, RFC 3056 §2, RFC 4291 §2.5.5.1): who
 * lets NAT64 be a peer does not thereby open the private IPv4 networks behind it.
 */
function embeddedIpv4(bytes: Buffer): string | undefined {
  if (bytes.readUInt16BE(0) === 0x2002) return ipv4Text(bytes.readUInt32BE(2));
  const isNat64 = bytes.readUInt32BE(0) === 0x0064ff9b && bytes.readBigUInt64BE(4) === 0n;
  const isCompatible = bytes.readUInt32BE(0) === 0 && bytes.readBigUInt64BE(4) === 0n && bytes.readUInt32BE(12) > 1;
  return isNat64 || isCompatible ? ipv4Text(bytes.readUInt32BE(12)) : undefined;
}

/** Apart, because one list would find an IPv4 address in the IPv6 network of the mapped ones. */
type Networks = Readonly<Record<Family, BlockList>>;

function networks(all: readonly string[]): Networks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const network of all) {
    const [address = '', bits] = network.split('/');
    const version = isIP(address);
    if (version === 0) throw new Error(`'${network}' is no network; write it like 192.168.0.0/16`);
    const family = version === 4 ? 'ipv4' : 'ipv6';
    lists[family].addSubnet(address, Number(bits ?? (version === 4 ? 32 : 128)), family);
  }
  return lists;
}
