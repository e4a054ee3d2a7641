import { type RunningService, type ServiceDefinition, sendJson } from '@carillon/service';
import { type TurnConfig, turnConfig } from './config.ts';
import { Relay } from './io/relay.ts';
import { tapFile } from './io/tapFile.ts';

export { type TurnConfig, turnConfig } from './config.ts';
export { Relay, type RelayOptions, type RelayStats } from './io/relay.ts';

export const turnService: ServiceDefinition<typeof turnConfig.shape> = {
  name: 'turn',
  summary: 'STUN and the TURN relay over UDP, with time-limited credentials.',
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
  const port = await relay.start();
  log.info('relaying', { port });
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
