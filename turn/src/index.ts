import { type Log, type RunningService, type ServiceDefinition, sendJson, serveMetrics } from '@carillon/service';
import { type TurnConfig, turnConfig } from './config.ts';
import { startRelayService } from './io/relayService.ts';
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
  const relays = await startRelayService(config, log);
  const { ipv6, ...ports } = relays.ports;
  log.info('relaying', { ...ports, ipv6: ipv6?.udp, workers: config.CARILLON_TURN_WORKERS });
  const { CARILLON_METRICS_HOST: host, CARILLON_TURN_METRICS_PORT: port } = config;
  const metrics =
    port === undefined
      ? undefined
      : await serveMetrics(
          relayMetrics(() => relays.stats),
          host,
          port,
        );
  return {
    problems: () => relays.problems(),
    handleRequest: (_request, response, url) => {
      if (url.pathname !== '/turn/stats') return false;
      sendJson(response, 200, relays.stats);
      return true;
    },
    close: async () => {
      await relays.stop();
      await metrics?.close();
    },
  };
}
