import { PATHS } from '@carillon/protocol';
import type { ServiceDefinition } from '@carillon/service';
import { signalingConfig } from './config.ts';
import { createSignaling } from './io/signaling.ts';

export { type SignalingConfig, signalingConfig } from './config.ts';
export { createSignaling, type SignalingOptions } from './io/signaling.ts';

export const signalingService: ServiceDefinition<typeof signalingConfig.shape> = {
  name: 'signaling',
  summary: 'calls: who calls whom, who accepted, sealed SDP and candidates, and the way to the SFU.',
  config: signalingConfig,
  healthPath: PATHS.signaling.health,
  listenOn: (config) => ({ host: config.CARILLON_SIGNALING_HOST, port: config.CARILLON_SIGNALING_PORT }),
  start: (config, log) => createSignaling(config, log),
};
