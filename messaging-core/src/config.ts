import { fields } from '@carillon/service';
import { z } from 'zod';

const whole = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

export const messagingConfigSchema = z.object({
  CARILLON_MESSAGING_HOST: fields.host(),
  CARILLON_MESSAGING_PORT: fields.port(7101),
  CARILLON_DATA_DIR: fields.dataDir(),
  CARILLON_VERIFIER_FILE: z
    .string()
    .optional()
    .describe(
      'For tests and demonstrations: each registration code is also appended to this file as "handle code". Whoever reads the file can take over any handle.',
    ),
  CARILLON_MESSAGING_AGE_DAYS_MAX: whole(1, 365, 30).describe(
    'An envelope nobody fetched is dropped after this many days. More keeps mail for people away longer, and costs disk.',
  ),
  CARILLON_MESSAGING_QUEUE_MESSAGES_MAX: whole(1, 1_000_000, 10_000).describe(
    'Envelopes waiting for one device; past it senders are told queue-full. Lower bounds the disk one absent device can take.',
  ),
  CARILLON_MESSAGING_QUEUE_BYTES_MAX: whole(1024, 2 ** 40, 64 * 1024 * 1024).describe(
    'Ciphertext bytes waiting for one device; the other half of the queue limit.',
  ),
  CARILLON_MESSAGING_FRAMES_PER_SECOND: whole(1, 100_000, 500).describe(
    'Frames one socket may send on average; five times as many at once. Lower protects the disk from one busy device, higher lets an outbox drain faster.',
  ),
  CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE: whole(1, 10_000, 6).describe(
    'Registration codes sent to one handle. Each allows five guesses among a million, so this bounds how fast a code can be guessed.',
  ),
  CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: whole(1, 1_000_000, 120).describe(
    'Registration codes asked for by one remote address (IPv6: one /64). Raise it where many people share an address, lower it where a code costs money.',
  ),
  CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: whole(1, 100_000, 50).describe(
    'HTTP requests of one remote address on average; ten times as many at once. Bounds the signature checks a stranger can cause.',
  ),
  CARILLON_TRUSTED_PROXIES: fields
    .list()
    .describe(
      'Addresses of proxies whose X-Forwarded-For is believed, comma separated; loopback always is. Naming one that is not a proxy lets its users choose the address they are limited by.',
    ),
});

export type MessagingConfig = z.infer<typeof messagingConfigSchema>;
