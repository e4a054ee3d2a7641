import { fields, metricsFields } from '@carillon/service';
import { z } from 'zod';

const port = (fallback: number) => z.coerce.number().int().min(0).max(65535).default(fallback);

export const turnConfig = z
  .object({
    CARILLON_TURN_SECRET: fields
      .secrets()
      .describe(
        'Shared with signaling: whoever knows it can make credentials (coturn: static-auth-secret). Several, comma separated, all hold, while one replaces another: give relays "new,old", then signaling "new", and take the old away when its last credential has ended.',
      ),
    CARILLON_TURN_REALM: z
      .string()
      .min(1)
      .max(64)
      .default('carillon')
      .describe('Realm of the long-term credentials (RFC 8489 §9.2).'),
    CARILLON_TURN_LISTEN: z
      .string()
      .default('0.0.0.0')
      .describe('IPv4 address that the relay listens on and relays from.'),
    CARILLON_TURN_LISTEN_IPV6: z
      .ipv6()
      .optional()
      .describe(
        'IPv6 address that it listens on besides, on the same ports, and relays from to peers that have IPv6. Without it IPv6 is refused (440).',
      ),
    CARILLON_TURN_PORT: port(3478).describe('UDP port of the relay; 0 takes a free one.'),
    CARILLON_TURN_WORKERS: z.coerce
      .number()
      .int()
      .min(1)
      .max(64)
      .default(1)
      .describe(
        'Processes that relay, one for each core that it may have. The first has CARILLON_TURN_PORT for UDP, each other the next port; TCP and TLS keep one port for all. Quotas and limits are counted by each.',
      ),
    CARILLON_TURN_TCP_PORT: z.coerce
      .number()
      .int()
      .min(0)
      .max(65535)
      .optional()
      .describe(
        'TCP port, for clients whose network lets no UDP through; 0 turns it off. The same number as CARILLON_TURN_PORT when not given.',
      ),
    CARILLON_TURN_TLS_PORT: port(0).describe(
      'TLS port; 0 turns it off. 443 passes where only the web does. Needs the two below.',
    ),
    CARILLON_TURN_TLS_CERT: z
      .string()
      .optional()
      .describe('File of the certificate chain for TLS, PEM; or the PEM itself.'),
    CARILLON_TURN_TLS_KEY: z.string().optional().describe('File of its private key, PEM; or the PEM itself.'),
    CARILLON_TURN_RELAY_ADDRESS: z
      .ipv4()
      .optional()
      .describe(
        'Address by which peers reach the relayed ports: the public one behind a NAT. Needed when listening on 0.0.0.0.',
      ),
    CARILLON_TURN_RELAY_ADDRESS_IPV6: z.ipv6().optional().describe('The same for IPv6. Needed when listening on ::.'),
    CARILLON_TURN_PORT_MIN: port(49152).describe(
      'First UDP port for relayed traffic; open this range in the firewall.',
    ),
    CARILLON_TURN_PORT_MAX: port(65535).describe(
      'Last UDP port for relayed traffic; the range bounds how many calls are relayed at once.',
    ),
    CARILLON_TURN_ALLOW_PEERS: fields
      .list()
      .describe(
        'Networks (CIDR, comma separated) that may be peers although they are loopback, private or otherwise special. Leave empty on the internet: everything named here can be reached through the relay.',
      ),
    CARILLON_TURN_HOST_PORTS: fields
      .list()
      .describe(
        'UDP ports (or ranges like 7150-7153, comma separated) of other services on this host that may be peers, as those of an SFU. Of its own host the relay else reaches only what it relays itself, and what CARILLON_TURN_ALLOW_PEERS names.',
      ),
    CARILLON_TURN_ALLOCATIONS_PER_USER: z.coerce
      .number()
      .int()
      .min(1)
      .default(24)
      .describe('Allocations of one user at once; an ICE restart needs a few more than a call.'),
    CARILLON_TURN_ALLOCATIONS: z.coerce
      .number()
      .int()
      .min(1)
      .default(2000)
      .describe('Allocations in all; each takes a descriptor and a port.'),
    CARILLON_TURN_USER_MBIT: z.coerce
      .number()
      .positive()
      .default(40)
      .describe(
        'Mbit/s that one user may have relayed, up and down together, over all allocations; a video call takes 2 to 6.',
      ),
    CARILLON_TURN_USER_PACKETS: z.coerce
      .number()
      .int()
      .min(1)
      .default(10_000)
      .describe(
        'Packets a second that one user may have relayed, up and down together; small packets cost as much CPU.',
      ),
    CARILLON_TURN_DRAIN_SECONDS: z.coerce
      .number()
      .min(0)
      .max(8)
      .default(3)
      .describe(
        'How long running calls may go on when the relay is told to stop. It ends earlier when nothing is relayed.',
      ),
    CARILLON_TURN_UNPROVEN_PER_SECOND: z.coerce
      .number()
      .int()
      .min(1)
      .default(100)
      .describe(
        'Replies a second to one address without valid credentials. Raise it when very many clients share an address; lower, and a forged source is hit less.',
      ),
    CARILLON_TURN_HTTP_HOST: fields.host(),
    CARILLON_TURN_HTTP_PORT: fields.port(7105),
    CARILLON_TURN_METRICS_PORT: metricsFields.port(),
    CARILLON_METRICS_HOST: metricsFields.host(),
    CARILLON_TURN_TAP_FILE: z
      .string()
      .optional()
      .describe(
        'For tests: appends what is relayed to this file, each datagram behind its length (4 bytes), 16 MiB at most.',
      ),
  })
  .refine((config) => config.CARILLON_TURN_PORT_MIN <= config.CARILLON_TURN_PORT_MAX, {
    path: ['CARILLON_TURN_PORT_MIN'],
    message: 'must not be above CARILLON_TURN_PORT_MAX',
  });

export type TurnConfig = z.infer<typeof turnConfig>;
