import { fields, metricsFields } from '@carillon/service';
import { z } from 'zod';
import { redisConfigFields } from './io/redis/config.ts';
import { pushConfigFields } from './push/config.ts';

const whole = (min: number, max: number, fallback: number) =>
  z.coerce.number().int().min(min).max(max).default(fallback);

export const messagingConfigSchema = z.object({
  CARILLON_MESSAGING_HOST: fields.host(),
  CARILLON_MESSAGING_PORT: fields.port(7101),
  CARILLON_DATA_DIR: fields.dataDir(),
  ...redisConfigFields,
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
  CARILLON_MESSAGING_QUEUE_SENDER_PERCENT: whole(1, 100, 20).describe(
    'The part of a queue, by count and by bytes, that one sending account may take, a group’s messages included; past it that sender is told queue-full. Lower leaves others more room when somebody floods a device that is away; higher lets one person write more to it.',
  ),
  CARILLON_MESSAGING_QUEUE_BYTES_MAX: whole(1024, 2 ** 40, 64 * 1024 * 1024).describe(
    'Ciphertext bytes waiting for one device; the other half of the queue limit.',
  ),
  CARILLON_MESSAGING_FRAMES_PER_SECOND: whole(1, 100_000, 500).describe(
    'Frames one socket may send on average; five times as many at once. Lower protects the disk from one busy device, higher lets an outbox drain faster.',
  ),
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_DEVICE: whole(1, 10_000_000, 6_000).describe(
    'Envelopes one device may send, a minute worth of them at once; a group message counts as four. Lower bounds what a device gone wrong costs everybody, higher lets a large outbox drain faster.',
  ),
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ACCOUNT: whole(1, 10_000_000, 12_000).describe(
    'The same for all devices of an account together.',
  ),
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ADDRESS: whole(1, 100_000_000, 60_000).describe(
    'The same for one remote address (IPv6: one /64), whatever accounts send from there. Raise it where many people share an address.',
  ),
  CARILLON_MESSAGING_GROUPS_PER_DAY_PER_ACCOUNT: whole(1, 1_000_000, 100).describe(
    'Groups one account may make a day. A group takes up to 60 KB on disk, and lets its maker reach 1,024 people with one envelope.',
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
  CARILLON_MESSAGING_LINKS_PER_HOUR_PER_ADDRESS: whole(1, 1_000_000, 120).describe(
    'Link codes asked for by one remote address (IPv6: one /64). Each is kept for 90 seconds; raise it where many people share an address.',
  ),
  CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_ACCOUNT: whole(1, 1_000_000, 2_000).describe(
    "Accounts looked up and prekeys fetched by one account's devices together, all at once if they like. The first message to a group of 1,024 asks so often; lower slows down who reads out the directory.",
  ),
  CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_DEVICE: whole(1, 1_000_000, 2_000).describe(
    'The same for one device. Lower than the limit of the account leaves something for its other devices.',
  ),
  CARILLON_MESSAGING_LOOKUPS_PER_MINUTE_PER_ADDRESS: whole(1, 10_000_000, 10_000).describe(
    'The same for all devices that connect from one remote address (IPv6: one /64). Bounds what one stranger with many accounts reads; raise it where many people share an address.',
  ),
  CARILLON_MESSAGING_PREKEY_FETCHES_PER_HOUR_PER_PEER: whole(1, 1_000_000, 120).describe(
    'Fetches of the prekeys of one account by another: each uses some up, and sessions last. Lower protects their one-time prekeys from being drained, higher helps devices that lose their sessions again and again.',
  ),
  CARILLON_TOKEN_KEY_DAYS: whole(1, 3650, 30).describe(
    'Days for which one key signs access tokens; then another follows without an outage. Fewer bound what a stolen key is good for.',
  ),
  CARILLON_TOKEN_KEY_ANNOUNCE_MINUTES: whole(6, 24 * 60, 10).describe(
    'Minutes for which a new key is published before it signs. Services keep the keys for five minutes, so this has to be longer.',
  ),
  CARILLON_SMS_WEBHOOK_URL: z
    .url({ protocol: /^https?$/ })
    .optional()
    .describe(
      'Where registration codes are POSTed to, {"handle", "code"}, to be sent as SMS, mail or otherwise. Without it they are printed on the console.',
    ),
  CARILLON_SMS_WEBHOOK_SECRET: z
    .string()
    .min(16)
    .optional()
    .describe(
      'Shared with the webhook: x-carillon-signature is v1= and the HMAC-SHA256 (hex) of x-carillon-timestamp, "." and the body.',
    ),
  CARILLON_TRUSTED_PROXIES: fields
    .list()
    .describe(
      'Addresses of proxies whose X-Forwarded-For is believed, comma separated; loopback always is. Naming one that is not a proxy lets its users choose the address they are limited by.',
    ),
  ...pushConfigFields,
  CARILLON_MESSAGING_METRICS_PORT: metricsFields.port(),
  CARILLON_METRICS_HOST: metricsFields.host(),
});

export type MessagingConfig = z.infer<typeof messagingConfigSchema>;
