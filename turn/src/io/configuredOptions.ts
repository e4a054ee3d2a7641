// What the configuration says to a relay.
import { readFileSync } from 'node:fs';
import type { Log } from '@carillon/service';
import type { TurnConfig } from '../config.ts';
import { ipv6Bytes, ipv6Text } from '../core/address.ts';
import type { PortSpan } from '../core/ownHost.ts';
import type { RelayOptions } from './relayOptions.ts';

/** @throws Error in words when the configuration contradicts itself, or a certificate cannot be read */
export function configuredOptions(config: TurnConfig, log: Log): RelayOptions {
  if (config.CARILLON_TURN_LISTEN === '0.0.0.0' && !config.CARILLON_TURN_RELAY_ADDRESS)
    throw new Error('CARILLON_TURN_RELAY_ADDRESS is needed when listening on 0.0.0.0: peers must be told an address.');
  return {
    listen: config.CARILLON_TURN_LISTEN,
    ipv6: ipv6(config),
    port: config.CARILLON_TURN_PORT,
    tcpPort: (config.CARILLON_TURN_TCP_PORT ?? config.CARILLON_TURN_PORT) || undefined,
    tls: tls(config),
    relayAddress: config.CARILLON_TURN_RELAY_ADDRESS,
    portMin: config.CARILLON_TURN_PORT_MIN,
    portMax: config.CARILLON_TURN_PORT_MAX,
    realm: config.CARILLON_TURN_REALM,
    secrets: config.CARILLON_TURN_SECRET,
    allowPeers: config.CARILLON_TURN_ALLOW_PEERS,
    hostPorts: config.CARILLON_TURN_HOST_PORTS.map(portSpan),
    allocationsPerUserMax: config.CARILLON_TURN_ALLOCATIONS_PER_USER,
    allocationsMax: config.CARILLON_TURN_ALLOCATIONS,
    unprovenPerSecond: config.CARILLON_TURN_UNPROVEN_PER_SECOND,
    userRates: {
      bitsPerSecond: config.CARILLON_TURN_USER_MBIT * 1e6,
      packetsPerSecond: config.CARILLON_TURN_USER_PACKETS,
    },
    drainMs: config.CARILLON_TURN_DRAIN_SECONDS * 1000,
    log,
    now: () => performance.now(),
    unixNow: Date.now,
  };
}

function portSpan(text: string): PortSpan {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (first === undefined || Number(last) > 65_535)
    throw new Error(`CARILLON_TURN_HOST_PORTS: '${text}' is neither a port nor a range like 7150-7153.`);
  return { first: Number(first), last: Number(last) };
}

/** As sockets write it (RFC 5952): what a peer names is compared with it. */
const written = (address: string) => ipv6Text(ipv6Bytes(address));

function ipv6({ CARILLON_TURN_LISTEN_IPV6: listen, CARILLON_TURN_RELAY_ADDRESS_IPV6: relayAddress }: TurnConfig) {
  if (listen === undefined) return undefined;
  if (listen === '::' && !relayAddress)
    throw new Error(
      'CARILLON_TURN_RELAY_ADDRESS_IPV6 is needed when listening on ::, as peers must be told an address.',
    );
  return { listen: written(listen), relayAddress: relayAddress && written(relayAddress) };
}

function tls(config: TurnConfig) {
  const { CARILLON_TURN_TLS_PORT: port, CARILLON_TURN_TLS_CERT: cert, CARILLON_TURN_TLS_KEY: key } = config;
  if (port === 0) return undefined;
  if (!cert || !key) throw new Error('CARILLON_TURN_TLS_PORT needs CARILLON_TURN_TLS_CERT and CARILLON_TURN_TLS_KEY.');
  return { port, cert: pem(cert), key: pem(key) };
}

function pem(fileOrText: string): string {
  return fileOrText.startsWith('-----BEGIN ') ? fileOrText : readFileSync(fileOrText, 'utf8');
}
