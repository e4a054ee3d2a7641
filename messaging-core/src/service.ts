import { PATHS } from '@carillon/protocol';
import type { ServiceDefinition } from '@carillon/service';
import { messagingConfigSchema } from './config.ts';
import { createMessaging } from './messaging.ts';

export const messagingService: ServiceDefinition<typeof messagingConfigSchema.shape> = {
  name: 'messaging-core',
  summary: 'accounts, devices, prekeys, and sealed envelopes kept until each device has them.',
  config: messagingConfigSchema,
  healthPath: PATHS.messaging.health,
  listenOn: (config) => ({ host: config.CARILLON_MESSAGING_HOST, port: config.CARILLON_MESSAGING_PORT }),
  start: (config, log) => createMessaging({ config, log }),
};
