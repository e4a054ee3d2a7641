// Pushes to browsers (RFC 8030), as the server that VAPID names (RFC 8292).
import { createECDH, randomBytes } from 'node:crypto';
import { SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import type { PushTarget } from '../../core/messagingStore.ts';
import type { PushOutcome, PushSender, Wake } from '../core/pushSender.ts';
import { knownEndpoint, webPushOutcome, webPushPayload, webPushRequest } from '../core/webPush.ts';
import { sealWebPush } from '../core/webPushEncryption.ts';
import { Http2Client } from './http2Client.ts';
import { UNREACHABLE } from './unreachable.ts';
import type { VapidKeys } from './vapidKeys.ts';

/** RFC 8292 §2: a day at most. */
const TOKEN_LIFE_MS = 12 * 3600_000;
const TOKEN_REFRESH_MS = 6 * 3600_000;
/** Push services at once; each holds a connection and a token. */
const ORIGINS_MAX = 64;
const IDLE_MS = 5 * 60_000;

export interface WebPushSenderOptions {
  readonly keys: VapidKeys;
  /** mailto: or https:, by which a push service reaches the operator (RFC 8292 §2.1). */
  readonly subject: string;
  /** Push services that endpoints may be of. */
  readonly hosts: readonly string[];
  readonly ca?: string | undefined;
  readonly now: () => number;
}

interface Origin {
  readonly client: Http2Client;
  token: { readonly signed: Promise<string>; readonly madeAtMs: number } | undefined;
}

export class WebPushSender implements PushSender {
  readonly #options: WebPushSenderOptions;
  readonly #publicKey: string;
  readonly #origins = new LRUCache<string, Origin>({
    max: ORIGINS_MAX,
    dispose: ({ client }) => void client.close(),
  });

  constructor(options: WebPushSenderOptions) {
    this.#options = options;
    this.#publicKey = Buffer.from(options.keys.publicKey).toString('base64url');
  }

  async send({ token, p256dh, auth }: PushTarget, wake: Wake): Promise<PushOutcome> {
    const { hosts, now } = this.#options;
    const endpoint = knownEndpoint(token, hosts);
    if (!endpoint || !p256dh || !auth) return { type: 'token-gone' };
    let sealed: Uint8Array;
    try {
      const ephemeral = createECDH('prime256v1');
      ephemeral.generateKeys();
      sealed = sealWebPush(webPushPayload(wake), { p256dh, auth }, ephemeral.getPrivateKey(), randomBytes(16));
    } catch {
      // No point of the curve: nobody could open it.
      return { type: 'token-gone' };
    }
    try {
      const origin = this.#origin(endpoint.origin);
      const request = webPushRequest(endpoint, sealed, wake, now());
      const authorization = `vapid t=${await this.#token(endpoint.origin, origin)}, k=${this.#publicKey}`;
      const headers = { ...request.headers, authorization };
      return webPushOutcome(await origin.client.post({ ...request, headers }, wake.urgent), now());
    } catch {
      return UNREACHABLE;
    }
  }

  async close(): Promise<void> {
    const clients = [...this.#origins.values()].map(({ client }) => client);
    await Promise.all(clients.map((client) => client.close()));
  }

  #origin(name: string): Origin {
    const known = this.#origins.get(name);
    if (known) return known;
    const client = new Http2Client({ origin: name, ca: this.#options.ca, idleMs: IDLE_MS });
    const origin: Origin = { client, token: undefined };
    this.#origins.set(name, origin);
    return origin;
  }

  #token(audience: string, origin: Origin): Promise<string> {
    const nowMs = this.#options.now();
    const ageMs = origin.token ? nowMs - origin.token.madeAtMs : Number.POSITIVE_INFINITY;
    if (!origin.token || ageMs >= TOKEN_REFRESH_MS || ageMs < 0)
      origin.token = { signed: this.#sign(audience, nowMs), madeAtMs: nowMs };
    return origin.token.signed;
  }

  #sign(audience: string, nowMs: number): Promise<string> {
    const { keys, subject } = this.#options;
    return new SignJWT()
      .setProtectedHeader({ typ: 'JWT', alg: 'ES256' })
      .setAudience(audience)
      .setSubject(subject)
      .setExpirationTime(Math.floor((nowMs + TOKEN_LIFE_MS) / 1000))
      .sign(keys.signingKey);
  }
}
