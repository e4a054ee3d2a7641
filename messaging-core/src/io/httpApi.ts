// The HTTP half: registration, login, linking, and what other services read.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  challengeRequestSchema,
  completeLinkRequestSchema,
  handleSchema,
  PATHS,
  ProtocolError,
  tokenRequestSchema,
  verifyRequestSchema,
} from '@carillon/protocol';
import { type HttpHandler, readJson, sendJson } from '@carillon/service';
import { z } from 'zod';
import type { Links } from './links.ts';
import type { Logins } from './logins.ts';
import type { RateLimits } from './rateLimits.ts';
import type { Registrations } from './registrations.ts';
import { remoteAddress } from './remoteAddress.ts';
import type { Revocations } from './revocations.ts';
import type { TokenKeys } from './tokenKeys.ts';

/** 200 one-time prekeys as base64url JSON are about 15 KB, 11 KEM prekeys 25 KB. */
const BODY_BYTES_MAX = 64 * 1024;
/** From headers to the whole body. The listener itself has no such bound, as uploads share its making. */
const BODY_TIMEOUT_MS = 15_000;
const VERIFY_PATH = new RegExp(`^${PATHS.messaging.verify('([0-9a-f]{32})')}$`);
const LINK_PATH = new RegExp(`^${PATHS.messaging.link('([0-9a-f]{32})')}$`);
const COMPLETE_PATH = new RegExp(`^${PATHS.messaging.completeLink('([0-9a-f]{32})')}$`);
/** The handle is checked by itself, to be refused by its own code. */
const registrationBodySchema = z.object({ handle: z.string().max(256) });

export interface HttpApiOptions {
  readonly registrations: Registrations;
  readonly logins: Logins;
  readonly links: Links;
  readonly tokenKeys: TokenKeys;
  readonly revocations: Revocations;
  readonly requestsPerAddress: RateLimits;
  readonly linksPerAddress: RateLimits;
  readonly trustedProxies: readonly string[];
  readonly bodyTimeoutMs?: number;
  readonly now: () => number;
}

export function createHttpApi(options: HttpApiOptions): HttpHandler {
  const { links, requestsPerAddress, trustedProxies, now } = options;

  return async (request: IncomingMessage, response: ServerResponse, url: URL) => {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && (await answerDocument(options, request, response, url.pathname))) return true;
    const look = request.method === 'GET' ? LINK_PATH.exec(url.pathname) : null;
    if (request.method !== 'POST' && !look) return false;
    const address = remoteAddress(request, trustedProxies);
    requestsPerAddress.take(address, now());
    const reply = look
      ? await links.look(look[1]!, goneSignal(response))
      : await answerPost(options, request, url.pathname, address);
    if (reply === undefined) return false;
    sendJson(response, 200, reply);
    return true;
  };
}

/** What other services read, without a limit: they share an address. */
async function answerDocument(
  { tokenKeys, revocations }: HttpApiOptions,
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<boolean> {
  if (path === PATHS.messaging.jwks) {
    // Verifiers ask again for a key id they do not know; a short life only spares repeats.
    sendJson(response, 200, await tokenKeys.jwks(), { 'cache-control': 'public, max-age=60' });
    return true;
  }
  if (path !== PATHS.messaging.revoked) return false;
  const { body, etag } = await revocations.document();
  const headers = { etag, 'cache-control': 'no-cache' };
  if (request.headers['if-none-match'] === etag) response.writeHead(304, headers).end();
  else sendJson(response, 200, body, headers);
  return true;
}

/** Undefined for a path that is not ours. @throws ProtocolError */
async function answerPost(
  options: HttpApiOptions,
  request: IncomingMessage,
  path: string,
  address: string,
): Promise<unknown> {
  const { registrations, logins, links, linksPerAddress, now } = options;
  const body = <T>(schema: z.ZodType<T>) => readBody(request, schema, options.bodyTimeoutMs ?? BODY_TIMEOUT_MS);
  if (path === PATHS.messaging.registrations) {
    const handle = handleSchema.safeParse((await body(registrationBodySchema)).handle);
    if (!handle.success) throw new ProtocolError('handle-invalid');
    return registrations.begin(handle.data, address);
  }
  if (path === PATHS.messaging.challenges) return logins.challenge(await body(challengeRequestSchema));
  if (path === PATHS.messaging.tokens) return logins.token(await body(tokenRequestSchema));
  if (path === PATHS.messaging.links) {
    linksPerAddress.take(address, now());
    return links.begin();
  }
  const complete = COMPLETE_PATH.exec(path);
  if (complete) return links.complete(complete[1]!, await body(completeLinkRequestSchema));
  const verify = VERIFY_PATH.exec(path);
  return verify ? registrations.verify(verify[1]!, await body(verifyRequestSchema)) : undefined;
}

/** Aborted when whoever asked has gone, so that nobody waits for an answer to nobody. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  return gone.signal;
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
