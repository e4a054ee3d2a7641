import { PATHS } from '@carillon/protocol';
import type { ServiceDefinition } from '@carillon/service';
import { sfuConfigSchema } from './config.ts';
import { createSfu } from './sfu.ts';

export { type SfuConfig, sfuConfigSchema } from './config.ts';
export type { MediaTap, TappedPayload, WorkerUsage } from './io/mediaEngine.ts';
export { type SfuStats, STATS_PATH } from './io/stats.ts';
export { createSfu, type SfuOptions } from './sfu.ts';

export const sfuService: ServiceDefinition<typeof sfuConfigSchema.shape> = {
  name: 'sfu',
  summary: 'the media of group calls: forwards encrypted audio and video between the members of a room',
  config: sfuConfigSchema,
  healthPath: PATHS.sfu.health,
  listenOn: (config) => ({ host: config.CARILLON_SFU_HTTP_HOST, port: config.CARILLON_SFU_HTTP_PORT }),
  start: (config, log) => createSfu({ config, log }),
};
