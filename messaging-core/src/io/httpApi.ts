// The HTTP half: registration, login, JWKS.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  challengeRequestSchema,
  handleSchema,
  PATHS,
  ProtocolError,
  tokenRequestSchema,
  verifyRequestSchema,
} from '@carillon/protocol';
import { type HttpHandler, readJson, sendJson } from '@carillon/service';
import { z } from 'zod';
import type { Logins } from './logins.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Registrations } from './registrations.ts';
import { remoteAddress } from './remoteAddress.ts';
import type { TokenKeys } from './tokenKeys.ts';

/** 200 one-time prekeys as base64url JSON are about 15 KB. */
const BODY_BYTES_MAX = 64 * 1024;
/** From headers to the whole body. The listener itself has no such bound, as uploads share its making. */
const BODY_TIMEOUT_MS = 15_000;
const VERIFY_PATH = new RegExp(`^${PATHS.messaging.verify('([0-9a-f]{32})')}$`);
/** The handle is checked by itself, to be refused by its own code. */
const registrationBodySchema = z.object({ handle: z.string().max(256) });

export interface HttpApiOptions {
  readonly registrations: Registrations;
  readonly logins: Logins;
  readonly tokenKeys: TokenKeys;
  readonly requestsPerAddress: RateLimits;
  readonly trustedProxies: readonly string[];
  readonly bodyTimeoutMs?: number;
  readonly now: () => number;
}

export function createHttpApi(options: HttpApiOptions): HttpHandler {
  const { registrations, logins, tokenKeys, requestsPerAddress, trustedProxies, now } = options;

  const answer = async (request: IncomingMessage, path: string, address: string): Promise<unknown> => {
    const body = <T>(schema: z.ZodType<T>) => readBody(request, schema, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
    if (path === PATHS.messaging.registrations) {
      const handle = handleSchema.safeParse((await body(registrationBodySchema)).handle);
      if (!handle.success) throw new ProtocolError('handle-invalid');
      return registrations.begin(handle.data, address);
    }
    if (path === PATHS.messaging.challenges) return logins.challenge(await body(challengeRequestSchema));
    if (path === PATHS.messaging.tokens) return logins.token(await body(tokenRequestSchema));
    const verify = VERIFY_PATH.exec(path);
    return verify ? registrations.verify(verify[1]!, await body(verifyRequestSchema)) : undefined;
  };

  return async (request: IncomingMessage, response: ServerResponse, url: URL) => {
    if (url.pathname === PATHS.messaging.jwks && (request.method === 'GET' || request.method === 'HEAD')) {
      // Verifiers ask again for a key id they do not know; a short life only spares repeats.
      sendJson(response, 200, tokenKeys.jwks, { 'cache-control': 'public, max-age=60' });
      return true;
    }
    if (request.method !== 'POST') return false;
    const address = remoteAddress(request, trustedProxies);
    requestsPerAddress.take(address, now());
    const reply = await answer(request, url.pathname, address);
    if (reply === undefined) return false;
    sendJson(response, 200, reply);
    return true;
  };
}

/** @throws ProtocolError; `malformed-frame` too when the sender goes away or takes too long */
async function readBody<T>(request: IncomingMessage, schema: z.ZodType<T>, timeoutMs: number): Promise<T> {
  const timer = setTimeout(() => request.destroy(), timeoutMs);
  try {
    return await readJson(request, schema, BODY_BYTES_MAX);
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw new ProtocolError('malformed-frame', { cause });
  } finally {
    clearTimeout(timer);
  }
}
