// Firebase Cloud Messaging, HTTP v1: its messages and its answers.
// https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages
// https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
import { z } from 'zod';
import type { PushOutcome, PushReply, PushRequest, Wake } from './pushSender.ts';
import { retryAfterMs } from './retryAfter.ts';

/** Four weeks, the longest that FCM keeps a message. */
const TTL_SECONDS_MAX = 2_419_200;
/** FCM asks for a minute where a 429 names no time. */
const QUOTA_RETRY_MS = 60_000;
const REGISTRATION_TOKEN_BYTES_MAX = 4_096;

const errorSchema = z.object({
  error: z.object({
    status: z.string().optional(),
    details: z.array(z.object({ errorCode: z.string().optional() })).optional(),
  }),
});

/** Undefined when the token cannot be one. */
export function fcmRequest(project: string, token: string, wake: Wake, nowMs: number): PushRequest | undefined {
  if (token.length === 0 || token.length > REGISTRATION_TOKEN_BYTES_MAX) return undefined;
  const ttlSeconds = Math.min(Math.max(0, Math.floor((wake.expiresAtMs - nowMs) / 1000)), TTL_SECONDS_MAX);
  const message = {
    token,
    // Data only, so that the app decides what to show; FCM takes strings as values and nothing else.
    data: { t: 'wake', urgency: wake.urgent ? 'high' : 'normal' },
    android: wake.urgent
      ? { priority: 'HIGH', ttl: '0s' }
      : { priority: 'NORMAL', ttl: `${ttlSeconds}s`, collapse_key: 'wake' },
  };
  return {
    path: `/v1/projects/${encodeURIComponent(project)}/messages:send`,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ message }),
  };
}

/** `credentials`: the access token is not (or no longer) good. */
export function fcmOutcome(reply: PushReply, nowMs: number): PushOutcome | { readonly type: 'credentials' } {
  const { status } = reply;
  if (status === 200) return { type: 'accepted' };
  const code = errorCodeOf(reply.body);
  // 404 means UNREGISTERED whatever else it says: the path names nothing but the project.
  if (code === 'UNREGISTERED' || status === 404) return { type: 'token-gone' };
  if (status === 401) return { type: 'credentials' };
  if (status === 429 || status >= 500) {
    const asked = retryAfterMs(reply.headers['retry-after'], nowMs);
    return { type: 'try-again', retryAfterMs: asked ?? (status === 429 ? QUOTA_RETRY_MS : undefined), service: true };
  }
  return { type: 'refused', reason: `${status} ${code}` };
}

function errorCodeOf(body: string): string {
  try {
    const parsed = errorSchema.safeParse(JSON.parse(body));
    if (!parsed.success) return '';
    const { details = [], status = '' } = parsed.data.error;
    const code = details.find(({ errorCode }) => errorCode !== undefined)?.errorCode ?? status;
    // It goes into the log.
    return /^\w{1,64}$/.test(code) ? code : '';
  } catch {
    return '';
  }
}
