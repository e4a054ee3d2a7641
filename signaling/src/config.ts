import { LIMITS } from '@carillon/protocol';
import { fields, metricsFields } from '@carillon/service';
import { z } from 'zod';
import { SFU_NODE } from './io/sfuNodes.ts';

const seconds = (fallback: number) => z.coerce.number().int().min(1).max(86_400).default(fallback);
/** Checked here, read by `sfuNodeOf`. */
const nodes = fields
  .list()
  .default(['local=/sfu/v1/socket'])
  .pipe(z.array(z.string().regex(SFU_NODE)).max(1_000));

export const signalingConfig = z.object({
  CARILLON_SIGNALING_HOST: fields.host(),
  CARILLON_SIGNALING_PORT: fields.port(7102),
  CARILLON_DATA_DIR: fields.dataDir(),
  CARILLON_MESSAGING_URL: fields.messagingUrl(),
  CARILLON_ICE_STUN_URLS: fields
    .list()
    .describe('STUN servers for the devices, comma separated, as stun:host:port. None: fewer direct paths.'),
  CARILLON_ICE_TURN_URLS: fields
    .list()
    .describe(
      'TURN relays, comma separated, as turn:host:port?transport=udp. None: no call where no direct path exists. A relay of several workers is turn:host:first-last?transport=udp: an account is given one of these ports.',
    ),
  CARILLON_TURN_SECRET: fields
    .secrets()
    .optional()
    .describe(
      'Shared with the TURN relay; signs time-limited credentials. Of several, comma separated, the first signs. Needed with CARILLON_ICE_TURN_URLS.',
    ),
  CARILLON_SIGNALING_TURN_SECONDS: seconds(12 * 3600).describe(
    'Life of a TURN credential. Shorter than a call, and its relay cannot be refreshed; longer, and a stolen one lasts.',
  ),
  CARILLON_SFU_NODES: nodes.describe(
    'SFU nodes, comma separated, as id=url; the url is wss://host/path, or a path on the origin of the app. The id is what the node itself is configured with',
  ),
  CARILLON_SIGNALING_RING_SECONDS: seconds(LIMITS.ringMs / 1000).describe(
    'How long a call rings. Devices drop an invite after 60 s whatever this says.',
  ),
  CARILLON_SIGNALING_RECONNECT_SECONDS: seconds(LIMITS.reconnectMs / 1000).describe(
    'How long a participant may be without a socket. Longer holds a place for the dead; shorter ends calls in tunnels.',
  ),
  CARILLON_SIGNALING_ENDED_SECONDS: seconds(120).describe(
    'How long an ended call is remembered, to tell a device that wakes up late why it is over.',
  ),
  CARILLON_SIGNALING_CALLS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(20_000)
    .describe('Live calls of this node at once; each costs about 3 KB, and its relayed frames.'),
  CARILLON_SIGNALING_CREATES_PER_MINUTE: z.coerce
    .number()
    .int()
    .min(1)
    .default(30)
    .describe(
      'Calls that one account may create at this node, on average and at once. Higher lets one account ring more people.',
    ),
  CARILLON_SIGNALING_SOCKETS_MAX: z.coerce
    .number()
    .int()
    .min(1)
    .default(20_000)
    .describe('Sockets at once; each costs about 10 KB and a file descriptor.'),
  CARILLON_SIGNALING_OUTBOX_BYTES_MAX: z.coerce
    .number()
    .int()
    .min(1024)
    .default(256 * 1024 * 1024)
    .describe(
      'Memory for relayed frames that may have to be sent again. One account holds less than 4 MiB of it. Past it, relays are refused for a while.',
    ),
  CARILLON_REDIS_URL: fields
    .redisUrl()
    .describe(
      'redis:// or rediss://: calls are there instead of in the data folder, so that many nodes serve the same calls, and the end of each is noted in the event stream that all services share. Several, comma separated, are nodes of one Redis Cluster. Clocks of the nodes are to agree within a second.',
    ),
  CARILLON_NODE: fields.node(),
  CARILLON_SIGNALING_METRICS_PORT: metricsFields.port(),
  CARILLON_METRICS_HOST: metricsFields.host(),
});

export type SignalingConfig = z.infer<typeof signalingConfig>;
