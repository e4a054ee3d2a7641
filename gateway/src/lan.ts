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
 * The networks this machine is in, loopback included: where the peers of a call
 * on one machine or in one network are. A relay that faces the internet names
 * none of them.
 */
export function localNetworks(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string[] {
  const networks = Object.values(interfaces).flatMap((addresses) => (addresses ?? []).map((address) => address.cidr));
  return [...new Set(['127.0.0.0/8', ...networks.filter((cidr) => cidr !== null)])];
}

function isVirtual(name: string): boolean {
  return /^(docker|br-|veth|virbr|tun|tap|vmnet|vboxnet)/.test(name);
}
