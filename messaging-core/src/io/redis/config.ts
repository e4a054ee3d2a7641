// Where many nodes share one Redis.
import { fields } from '@carillon/service';
import { z } from 'zod';

export const redisConfigFields = {
  CARILLON_REDIS_URL: fields
    .redisUrl()
    .describe(
      'redis:// or rediss://: accounts, queues, connections and events are there instead of in the data folder, so that many nodes serve one system. Several, comma separated, are nodes of one Redis Cluster. What it acknowledges is as durable as its appendonly, appendfsync and replicas make it.',
    ),
  CARILLON_REDIS_REPLICAS_MIN: z.coerce
    .number()
    .int()
    .min(0)
    .max(10)
    .default(0)
    .describe(
      'Replicas that must have a write before it is acknowledged (WAIT). More lose less when a primary dies, and cost a way to them and back with each write; set min-replicas-to-write to the same at Redis.',
    ),
  CARILLON_NODE: fields.node(),
};
