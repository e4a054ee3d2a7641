import { readFileSync } from 'node:fs';
import { type RunningService, type ServiceDefinition, sendJson } from '@carillon/service';
import { type TurnConfig, turnConfig } from './config.ts';
import { Relay } from './io/relay.ts';
import { tapFile } from './io/tapFile.ts';

export { type TurnConfig, turnConfig } from './config.ts';
export { readXorAddress, writeXorAddress } from './core/address.ts';
export {
  ATTRIBUTE,
  attributeOf,
  CLASS,
  decodeStun,
  encodeStun,
  METHOD,
  type StunAttribute,
  type StunMessage,
} from './core/stun.ts';
export { Relay } from './io/relay.ts';
export type { RelayOptions, RelayPorts, RelayStats } from './io/relayOptions.ts';

export const turnService: ServiceDefinition<typeof turnConfig.shape> = {
  name: 'turn',
  summary: 'STUN and the TURN relay over UDP, TCP and TLS, with time-limited credentials.',
  config: turnConfig,
  healthPath: '/turn/health',
  listenOn: (config) => ({ host: config.CARILLON_TURN_HTTP_HOST, port: config.CARILLON_TURN_HTTP_PORT }),
  start: startTurn,
};

async function startTurn(config: TurnConfig, log: Parameters<typeof turnService.start>[1]): Promise<RunningService> {
  if (config.CARILLON_TURN_LISTEN === '0.0.0.0' && !config.CARILLON_TURN_RELAY_ADDRESS) {
    throw new Error('CARILLON_TURN_RELAY_ADDRESS is needed when listening on 0.0.0.0: peers must be told an address.');
  }
  const tap = config.CARILLON_TURN_TAP_FILE ? tapFile(config.CARILLON_TURN_TAP_FILE) : undefined;
  const relay = new Relay({
    listen: config.CARILLON_TURN_LISTEN,
    port: config.CARILLON_TURN_PORT,
    tcpPort: tcpPort(config),
    tls: tls(config),
    relayAddress: config.CARILLON_TURN_RELAY_ADDRESS,
    portMin: config.CARILLON_TURN_PORT_MIN,
    portMax: config.CARILLON_TURN_PORT_MAX,
    realm: config.CARILLON_TURN_REALM,
    secret: config.CARILLON_TURN_SECRET,
    allowPeers: config.CARILLON_TURN_ALLOW_PEERS,
    allocationsPerUserMax: config.CARILLON_TURN_ALLOCATIONS_PER_USER,
    allocationsMax: config.CARILLON_TURN_ALLOCATIONS,
    unprovenPerSecond: config.CARILLON_TURN_UNPROVEN_PER_SECOND,
    userRates: {
      bitsPerSecond: config.CARILLON_TURN_USER_MBIT * 1e6,
      packetsPerSecond: config.CARILLON_TURN_USER_PACKETS,
    },
    drainMs: config.CARILLON_TURN_DRAIN_SECONDS * 1000,
    log,
    now: Date.now,
    tap: tap?.tap,
  });
  log.info('relaying', { ...(await relay.start()) });
  return {
    problems: () => [],
    handleRequest: (_request, response, url) => {
      if (url.pathname !== '/turn/stats') return false;
      sendJson(response, 200, relay.stats);
      return true;
    },
    close: async () => {
      await relay.stop();
      tap?.close();
    },
  };
}

function tcpPort({ CARILLON_TURN_TCP_PORT, CARILLON_TURN_PORT }: TurnConfig): number | undefined {
  return (CARILLON_TURN_TCP_PORT ?? CARILLON_TURN_PORT) || undefined;
}

function tls(config: TurnConfig) {
  const { CARILLON_TURN_TLS_PORT: port, CARILLON_TURN_TLS_CERT: cert, CARILLON_TURN_TLS_KEY: key } = config;
  if (port === 0) return undefined;
  if (!cert || !key) throw new Error('CARILLON_TURN_TLS_PORT needs CARILLON_TURN_TLS_CERT and CARILLON_TURN_TLS_KEY.');
  return { port, cert: readFileSync(cert), key: readFileSync(key) };
}
