import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

/** IPv4 addresses by which others on the network reach this machine, the likeliest first. */
export function lanAddresses(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string[] {
  return Object.entries(interfaces)
    .flatMap(([name, addresses]) => (addresses ?? []).map((address) => ({ name, ...address })))
    .filter((address) => address.family === 'IPv4' && !address.internal && !address.address.startsWith('169.254.'))
    .sort((a, b) => Number(isVirtual(a.name)) - Number(isVirtual(b.name)))
    .map((address) => address.address);
}

/**
 * Which special networks may be peers of a relay at `mediaAddress`. On loopback only this machine reaches
 * it, and this machine is what it may reach; in a private network the calls are of that network and of the
 * others that this machine is in. One at a public address has none: through it anybody could reach them.
 */
export function peerNetworks(
  mediaAddress: string,
  interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): string[] {
  const own = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, internal }) => !internal && !isIn(LINK_LOCAL, address));
  if (isIn(LOOPBACK, mediaAddress))
    return ['127.0.0.0/8', ...own.map(({ address, family }) => `${address}/${family === 'IPv4' ? 32 : 128}`)];
  if (!isIn(PRIVATE, mediaAddress)) return [];
  return own.flatMap(({ address, cidr }) => (cidr !== null && isIn(PRIVATE, address) ? [cidr] : []));
}

const LOOPBACK = networks(['127.0.0.0', 8], ['::1', 128]);
/** Never peers: cloud providers answer there with the machine's own secrets. */
const LINK_LOCAL = networks(['169.254.0.0', 16], ['fe80::', 10]);
/** RFC 1918, RFC 6598, RFC 4193. */
const PRIVATE = networks(['10.0.0.0', 8], ['172.16.0.0', 12], ['192.168.0.0', 16], ['100.64.0.0', 10], ['fc00::', 7]);

function networks(...all: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of all) list.addSubnet(address, bits, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  return list;
}

/** A name is in none. */
function isIn(list: BlockList, address: string): boolean {
  return isIP(address) !== 0 && list.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
}

function isVirtual(name: string): boolean {
  return /^(docker|br-|veth|virbr|tun|tap|vmnet|vboxnet)/.test(name);
}
