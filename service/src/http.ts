// The small HTTP surface that services share: JSON in, JSON out, refusals by
// the error table.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { ERRORS, type ErrorBody, ProtocolError } from '@carillon/protocol';
import type { z } from 'zod';

export type HttpHandler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<boolean> | boolean;

/**
 * The request target as a URL (RFC 9112 §3.2). The host part means nothing here: `//` alone would otherwise
 * read as an empty host and throw.
 * @throws ProtocolError `malformed-frame` when it cannot be read.
 */
export function requestUrl(request: IncomingMessage): URL {
  const target = request.url ?? '/';
  try {
    return new URL(target.startsWith('/') ? `http://x${target}` : target, 'http://x');
  } catch (cause) {
    throw new ProtocolError('malformed-frame', { cause });
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
}

export function sendFailure(response: ServerResponse, error: ProtocolError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const { retryAfterMs } = error.details;
  const body: ErrorBody = {
    error: { code: error.code, message: error.message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) },
  };
  const headers: Record<string, string> =
    retryAfterMs === undefined ? {} : { 'retry-after': String(Math.ceil(retryAfterMs / 1000)) };
  sendJson(response, ERRORS[error.code].status, body, headers);
}

/**
 * Reads and checks a JSON body.
 * @throws ProtocolError `frame-too-large`, `malformed-frame` or `invalid-request`.
 */
export async function readJson<T>(request: IncomingMessage, schema: z.ZodType<T>, bytesMax = 64 * 1024): Promise<T> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop must not destroy the request: its refusal has yet to be sent on that socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new ProtocolError('frame-too-large');
    chunks.push(chunk);
  }
  let json: unknown;
  try {
    json = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new ProtocolError('malformed-frame', { cause });
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw new ProtocolError('invalid-request', { cause: parsed.error });
  return parsed.data;
}

/** @throws ProtocolError `token-invalid` without a bearer token (RFC 6750 §2.1). */
export function bearerToken(request: { readonly headers: { readonly authorization?: string | undefined } }): string {
  const match = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization ?? '');
  if (!match) throw new ProtocolError('token-invalid');
  return match[1]!;
}
