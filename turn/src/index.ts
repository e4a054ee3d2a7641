import { type Log, type RunningService, type ServiceDefinition, sendJson, serveMetrics } from '@carillon/service';
import { type TurnConfig, turnConfig } from './config.ts';
import { configuredOptions } from './io/configuredOptions.ts';
import { Relay } from './io/relay.ts';
import { tapFile } from './io/tapFile.ts';
import { relayMetrics } from './metrics.ts';

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

async function startTurn(config: TurnConfig, log: Log): Promise<RunningService> {
  const tap = config.CARILLON_TURN_TAP_FILE ? tapFile(config.CARILLON_TURN_TAP_FILE) : undefined;
  const relay = new Relay({ ...configuredOptions(config, log), tap: tap?.tap });
  const { ipv6, ...ports } = await relay.start();
  log.info('relaying', { ...ports, ipv6: ipv6?.udp });
  const { CARILLON_METRICS_HOST: host, CARILLON_TURN_METRICS_PORT: port } = config;
  const metrics =
    port === undefined
      ? undefined
      : await serveMetrics(
          relayMetrics(() => relay.stats),
          host,
          port,
        );
  return {
    problems: () => [],
    handleRequest: (_request, response, url) => {
      if (url.pathname !== '/turn/stats') return false;
      sendJson(response, 200, relay.stats);
      return true;
    },
    close: async () => {
      await relay.stop();
      await metrics?.close();
      tap?.close();
    },
  };
}
