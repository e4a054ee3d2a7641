// Which push services there are. Each is off until it is configured: a device
// that registers with it is then not woken by it.
import { fields } from '@carillon/service';
import { z } from 'zod';

/** Those that browsers use today: Chrome and relatives, Firefox, Safari. */
const WEB_PUSH_HOSTS =
  'fcm.googleapis.com,updates.push.services.mozilla.com,*.push.services.mozilla.com,web.push.apple.com';
const WEB_PUSH_SUBJECT = /^(mailto:[^\s@]+@[^\s@]+|https:\/\/\S+)$/;

const origin = (fallback: string) => z.url({ protocol: /^https$/ }).default(fallback);
const file = () => z.string().optional();

export const pushConfigFields = {
  CARILLON_APNS_KEY_FILE: file().describe(
    'The .p8 key of the Apple developer account; with the three below it wakes iPhones. It can push to every app of the team: keep it readable by this service alone.',
  ),
  CARILLON_APNS_KEY_ID: z.string().length(10).optional().describe('Id of that key, ten characters.'),
  CARILLON_APNS_TEAM_ID: z.string().length(10).optional().describe('Id of the Apple developer team, ten characters.'),
  CARILLON_APNS_BUNDLE: z
    .string()
    .optional()
    .describe('Bundle id of the app; calls go to its topic with .voip behind.'),
  CARILLON_APNS_URL: origin('https://api.push.apple.com').describe(
    'Apple Push Notification service; development builds need https://api.sandbox.push.apple.com.',
  ),
  CARILLON_FCM_SERVICE_ACCOUNT_FILE: file().describe(
    'JSON key of a service account with the right to send by Firebase Cloud Messaging; wakes Android devices. Keep it readable by this service alone.',
  ),
  CARILLON_FCM_URL: origin('https://fcm.googleapis.com').describe('Firebase Cloud Messaging, HTTP v1.'),
  CARILLON_WEB_PUSH_SUBJECT: z
    .string()
    .regex(WEB_PUSH_SUBJECT)
    .optional()
    .describe(
      'How push services reach the operator, as mailto: or https: (RFC 8292); wakes browsers. Without it Web Push is off.',
    ),
  CARILLON_WEB_PUSH_KEY_FILE: file().describe(
    'Private P-256 key (JWK) by which push services know this server; by default one is made in the data folder. Nodes that share a Redis must share it. Another key makes every subscription void.',
  ),
  CARILLON_WEB_PUSH_HOSTS: fields
    .list()
    .default(WEB_PUSH_HOSTS.split(','))
    .describe(
      'Push services that browsers may name, comma separated, *.name for anything below it. Devices choose where this server sends requests to: name no host of a network of yours.',
    ),
  CARILLON_PUSH_CA_FILE: file().describe(
    'PEM certificates of an authority to trust for push services, in place of the built-in ones: for a relay of your own, and for tests.',
  ),
  CARILLON_PUSH_EVERY_SECONDS: z.coerce
    .number()
    .int()
    .min(1)
    .max(3600)
    .default(30)
    .describe(
      'A sleeping device is woken for messages no more often than this; calls wake at once. More spares batteries and the quota of the push services, and delays what comes shortly after a wake-up.',
    ),
};

export type PushConfig = z.infer<z.ZodObject<typeof pushConfigFields>>;

export function isPushConfigured(config: PushConfig): boolean {
  const {
    CARILLON_APNS_KEY_FILE: apns,
    CARILLON_FCM_SERVICE_ACCOUNT_FILE: fcm,
    CARILLON_WEB_PUSH_SUBJECT: web,
  } = config;
  return (apns ?? fcm ?? web) !== undefined;
}
