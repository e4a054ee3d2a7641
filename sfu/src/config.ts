import { LIMITS } from '@carillon/protocol';
import { fields } from '@carillon/service';
import { z } from 'zod';

const WILDCARD_IPS = new Set(['0.0.0.0', '::']);

export const sfuConfigSchema = z
  .object({
    CARILLON_SFU_HTTP_HOST: fields.host(),
    CARILLON_SFU_HTTP_PORT: fields.port(7103),
    CARILLON_SFU_NODE: z
      .string()
      .min(1)
      .max(64)
      .default('local')
      .describe(
        'Id of this node, as in CARILLON_SFU_NODES of signaling, which writes it into the tickets of the rooms it assigns here; others are refused.',
      ),
    CARILLON_SIGNALING_URL: z
      .url()
      .default('http://127.0.0.1:7102')
      .describe('Where signaling answers; its JWKS there verifies room tickets.'),
    CARILLON_SFU_LISTEN_IP: z
      .union([z.ipv4(), z.ipv6()])
      .default('127.0.0.1')
      .describe(
        'Address that media is received on. The default is this machine only; 0.0.0.0 or :: takes all and needs announced addresses.',
      ),
    CARILLON_SFU_ANNOUNCED: fields
      .list()
      .describe(
        'Comma separated addresses or host names that clients are told to send media to, best first; needed behind NAT. Each costs every client a few more ICE checks.',
      ),
    CARILLON_SFU_RTC_PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65_000)
      .default(7150)
      .describe(
        'UDP and TCP port of the first worker; worker i takes this port + i, so a firewall has few holes. 0 takes free ones.',
      ),
    CARILLON_SFU_WORKERS: z.coerce
      .number()
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'Media worker processes. A worker fills one processor core at some hundred video streams; a room lives in one worker. More than the machine has cores to spare only adds context switches.',
      ),
    CARILLON_SFU_ROOMS_MAX: z.coerce
      .number()
      .int()
      .min(1)
      .default(500)
      .describe(
        'Rooms at once. Each costs the worker some 100 KB before anyone sends; lower it to keep quality for those inside.',
      ),
    CARILLON_SFU_ROOM_MEMBERS_MAX: z.coerce
      .number()
      .int()
      .min(1)
      .max(64)
      .default(LIMITS.callParticipantsMax)
      .describe('Members of one room. Forwarded streams grow with its square.'),
    CARILLON_SFU_TAP_FILE: z
      .string()
      .optional()
      .describe(
        'For tests only: every forwarded RTP payload is appended to this file, to prove that it holds ciphertext. Costs one more consumer for each producer.',
      ),
    CARILLON_SFU_TAP_BYTES_MAX: z.coerce
      .number()
      .int()
      .min(1)
      .default(32 * 1024 * 1024)
      .describe('For tests only: the tap file grows to this many bytes, then stays as it is.'),
  })
  .refine((config) => !WILDCARD_IPS.has(config.CARILLON_SFU_LISTEN_IP) || config.CARILLON_SFU_ANNOUNCED.length > 0, {
    path: ['CARILLON_SFU_ANNOUNCED'],
    message: 'must name at least one address when CARILLON_SFU_LISTEN_IP takes all',
  });

export type SfuConfig = z.infer<typeof sfuConfigSchema>;
