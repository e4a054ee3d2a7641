// By which addresses this host is reached, from itself and from elsewhere, when the relay starts.
import { networkInterfaces } from 'node:os';
import type { OwnAddress } from '../core/ownHost.ts';
import type { RelayOptions } from './relayOptions.ts';

export function ownAddresses({ listen, relayAddress, ipv6 }: RelayOptions): OwnAddress[] {
  const interfaces = Object.values(networkInterfaces()).flatMap((all) => (all ?? []).map(({ address }) => address));
  const told = [
    { listen, relayAddress, any: '0.0.0.0', loopback: '127.0.0.1' },
    ...(ipv6 ? [{ ...ipv6, any: '::', loopback: '::1' }] : []),
  ];
  return [
    ...interfaces.map((address) => ({ address })),
    ...told.flatMap(({ listen, relayAddress, any, loopback }) => [
      { address: listen },
      // One that no interface has is a NAT's, and who sends to it from inside may not be led back.
      ...(relayAddress === undefined || interfaces.includes(relayAddress) || relayAddress === listen
        ? []
        : [{ address: relayAddress, inside: listen === any ? loopback : listen }]),
    ]),
  ];
}
