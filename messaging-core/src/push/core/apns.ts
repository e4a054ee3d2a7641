// Apple Push Notification service: its requests and its answers.
// https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
// https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
import type { PushOutcome, PushReply, PushRequest, Wake } from './pushSender.ts';
import { retryAfterMs } from './retryAfter.ts';

/** What APNs takes of a VoIP push; of others 4,096. */
export const VOIP_PAYLOAD_BYTES_MAX = 5_120;
/** APNs refuses tokens that are refreshed more often, and such as are older than an hour. */
export const PROVIDER_TOKEN_AGE_MIN_MS = 20 * 60_000;
export const PROVIDER_TOKEN_REFRESH_MS = 40 * 60_000;

/** Device tokens have no fixed length; today's are 32 bytes. */
const DEVICE_TOKEN = /^[0-9a-f]{16,400}$/i;

export interface ApnsPush {
  readonly deviceToken: string;
  readonly service: 'apns' | 'apns-voip';
  readonly bundle: string;
  readonly wake: Wake;
  /** A UUID: a repeat of an unanswered request is the same notification. */
  readonly id: string;
}

/** Undefined when the token cannot be one. */
export function apnsRequest({ deviceToken, service, bundle, wake, id }: ApnsPush): PushRequest | undefined {
  if (!DEVICE_TOKEN.test(deviceToken)) return undefined;
  const voip = service === 'apns-voip';
  const headers = voip
    ? {
        'apns-push-type': 'voip',
        'apns-topic': `${bundle}.voip`,
        'apns-priority': '10',
        // Now or never: a phone that is off must not ring when it is switched on.
        'apns-expiration': '0',
      }
    : {
        'apns-push-type': 'background',
        'apns-topic': bundle,
        'apns-priority': '5',
        'apns-expiration': String(Math.floor(wake.expiresAtMs / 1000)),
        // Of those that Apple holds for a device that is off, the last one will do.
        'apns-collapse-id': 'wake',
      };
  return {
    path: `/3/device/${deviceToken}`,
    headers: { ...headers, 'apns-id': id },
    body: JSON.stringify(voip ? { aps: {} } : { aps: { 'content-available': 1 } }),
  };
}

/** `credentials`: the provider token is not (or no longer) good. */
export function apnsOutcome(reply: PushReply, nowMs: number): PushOutcome | { readonly type: 'credentials' } {
  const { status } = reply;
  if (status === 200) return { type: 'accepted' };
  const reason = reasonOf(reply.body);
  if (status === 410 || reason === 'BadDeviceToken') return { type: 'token-gone' };
  if (status === 403 && /^(Expired|Invalid)ProviderToken$/.test(reason)) return { type: 'credentials' };
  if (status === 429 || status >= 500) {
    // TooManyRequests is about one device; everything else about all.
    const service = reason !== 'TooManyRequests';
    return { type: 'try-again', retryAfterMs: retryAfterMs(reply.headers['retry-after'], nowMs), service };
  }
  return { type: 'refused', reason: `${status} ${reason}` };
}

function reasonOf(body: string): string {
  try {
    const { reason } = JSON.parse(body) as { reason?: unknown };
    return typeof reason === 'string' && /^\w{1,64}$/.test(reason) ? reason : '';
  } catch {
    return '';
  }
}
