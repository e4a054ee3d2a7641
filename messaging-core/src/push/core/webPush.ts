// Web Push (RFC 8030): its requests and its answers. Payloads are sealed for
// the subscription (webPushEncryption.ts).
import type { PushOutcome, PushReply, PushRequest, Wake } from './pushSender.ts';
import { retryAfterMs } from './retryAfter.ts';

/** Four weeks, as long as any service keeps a message. */
const TTL_SECONDS_MAX = 2_419_200;
/** The services' own are a few hundred bytes. */
const ENDPOINT_BYTES_MAX = 2_048;

/** What is sealed: the service worker connects, or shows that something came. */
export function webPushPayload(wake: Wake): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ t: 'wake', urgency: wake.urgent ? 'high' : 'normal' }));
}

/**
 * The endpoint as a URL if it is one of the known services: a device names it, and the server would otherwise send
 * requests to wherever it is told, its own network included.
 * @param hosts Names, or `*.name` for anything below it.
 */
export function knownEndpoint(endpoint: string, hosts: readonly string[]): URL | undefined {
  if (endpoint.length > ENDPOINT_BYTES_MAX || !URL.canParse(endpoint)) return undefined;
  const url = new URL(endpoint);
  const known = hosts.some((host) =>
    host.startsWith('*.') ? url.hostname.endsWith(host.slice(1)) : url.host === host || url.hostname === host,
  );
  const isPlain = url.protocol === 'https:' && url.username === '' && url.password === '';
  return known && isPlain ? url : undefined;
}

export function webPushRequest(endpoint: URL, sealed: Uint8Array, wake: Wake, nowMs: number): PushRequest {
  const leftSeconds = Math.max(0, Math.floor((wake.expiresAtMs - nowMs) / 1000));
  return {
    path: endpoint.pathname + endpoint.search,
    headers: {
      'content-type': 'application/octet-stream',
      'content-encoding': 'aes128gcm',
      ttl: String(Math.min(leftSeconds, TTL_SECONDS_MAX)),
      urgency: wake.urgent ? 'high' : 'normal',
      // RFC 8030 §5.4: of those held for a browser that is off, the last one replaces the others.
      topic: wake.urgent ? 'ring' : 'wake',
    },
    body: sealed,
  };
}

export function webPushOutcome(reply: PushReply, nowMs: number): PushOutcome {
  const { status } = reply;
  if (status >= 200 && status < 300) return { type: 'accepted' };
  // RFC 8030 §7.3: the subscription is no more.
  if (status === 404 || status === 410) return { type: 'token-gone' };
  if (status === 429 || status >= 500) {
    const service = status !== 429;
    return { type: 'try-again', retryAfterMs: retryAfterMs(reply.headers['retry-after'], nowMs), service };
  }
  return { type: 'refused', reason: String(status) };
}
