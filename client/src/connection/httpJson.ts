// Requests to the services over HTTP: JSON both ways, refusals by the error table.
import { errorBodySchema, isErrorCode, ProtocolError } from '@carillon/protocol';
import type { z } from 'zod';
import type { Platform } from '../ports.ts';
import { httpUrl } from './origin.ts';

/** Longer forgives a slow link; shorter tells the person sooner. */
const TIMEOUT_MS = 15_000;

export class HttpJson {
  readonly #platform: Pick<Platform, 'fetch'>;
  readonly #baseUrl: string;

  constructor(platform: Pick<Platform, 'fetch'>, baseUrl: string) {
    this.#platform = platform;
    this.#baseUrl = baseUrl;
  }

  /** @throws ProtocolError the server's refusal, or `unreachable` */
  post<T>(path: string, body: unknown, reply: z.ZodType<T>, token?: string): Promise<T> {
    const init = {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    };
    return this.#exchange(path, init, reply);
  }

  /** For what the server answers late: `signal` gives it up. @throws ProtocolError */
  get<T>(path: string, reply: z.ZodType<T>, signal: AbortSignal): Promise<T> {
    return this.#exchange(path, { signal }, reply);
  }

  async #exchange<T>(path: string, init: RequestInit, reply: z.ZodType<T>): Promise<T> {
    let response: Response;
    let text: string;
    try {
      const { fetch } = this.#platform;
      response = await fetch(httpUrl(this.#baseUrl, path), { ...init, redirect: 'error' });
      text = await response.text();
    } catch (cause) {
      throw unreachable(cause);
    }
    const json = parseJson(text);
    if (!response.ok) throw refusal(response.status, json);
    const parsed = reply.safeParse(json);
    if (parsed.success) return parsed.data;
    throw new ProtocolError('malformed-frame', {
      cause: parsed.error,
      words: 'The server answered in a way this app cannot read.',
    });
  }
}

/** The refusal that an HTTP status and its body stand for. */
export function refusal(status: number, json: unknown): ProtocolError {
  const body = errorBodySchema.safeParse(json);
  if (body.success && isErrorCode(body.data.error.code)) {
    const { code, message, retryAfterMs } = body.data.error;
    return new ProtocolError(code, { words: message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  // A proxy in between answers for a service that is away.
  if (status >= 502 && status <= 504) return new ProtocolError('unreachable');
  return new ProtocolError('internal-error', { words: `The server answered with status ${status}.` });
}

export function unreachable(cause: unknown): ProtocolError {
  const timedOut = cause instanceof Error && cause.name === 'TimeoutError';
  return new ProtocolError('unreachable', {
    cause,
    words: timedOut ? 'The server does not answer.' : 'The server cannot be reached.',
  });
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
