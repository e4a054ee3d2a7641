// A code on its way to a phone: a webhook of whoever runs the SMS gateway. The
// request is signed, so that the webhook sends messages for this server only.
import { createHmac, randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Handle, ProtocolError } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { Verifier } from './verifier.ts';

/** Longer waits for a slow gateway, while the person waits too. */
const TIMEOUT_MS = 5_000;
/** After the first attempt, when the gateway does not answer or is at fault itself. */
const RETRIES_MAX = 2;
/** Before the first retry, doubled before the second; between half and all of it at random. */
const RETRY_AFTER_MS = 400;
const TELL_AGAIN_AFTER_MS = 30_000;

export interface SmsVerifierOptions {
  readonly url: string;
  readonly secret: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** For tests. */
  readonly timeoutMs?: number;
  readonly retryAfterMs?: number;
}

type Attempt =
  | { readonly type: 'sent' }
  | { readonly type: 'refused'; readonly status: number }
  | { readonly type: 'failed'; readonly why: string };

/**
 * POSTs `{"handle", "code"}` with the headers
 * - `x-carillon-timestamp`: Unix seconds, to refuse what is old;
 * - `x-carillon-signature`: `v1=` and the HMAC-SHA256 (hex) of timestamp, `.` and body, by the shared secret;
 * - `x-carillon-delivery`: the same for a repeat, so that nobody is sent two messages.
 * Any 2xx is success, a 4xx a refusal for good.
 */
export class SmsVerifier implements Verifier {
  readonly #options: SmsVerifierOptions;

  constructor(options: SmsVerifierOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError `forbidden` when the gateway refuses, `internal-error` when it cannot be reached */
  async sendCode(handle: Handle, code: string): Promise<void> {
    const { log, retryAfterMs = RETRY_AFTER_MS } = this.#options;
    const body = JSON.stringify({ handle, code });
    const delivery = randomBytes(16).toString('hex');
    for (let retries = 0; ; retries++) {
      const attempt = await this.#attempt(body, delivery);
      if (attempt.type === 'sent') return;
      if (attempt.type === 'refused') {
        log.warn('code refused by the SMS webhook', { status: attempt.status });
        throw new ProtocolError('forbidden', { words: 'No code can be sent to this handle.' });
      }
      if (retries === RETRIES_MAX) {
        log.error('code not taken by the SMS webhook', { why: attempt.why });
        const words = 'The code could not be sent; try again in a moment.';
        throw new ProtocolError('internal-error', { words, retryAfterMs: TELL_AGAIN_AFTER_MS });
      }
      await delay(retryAfterMs * 2 ** retries * (0.5 + Math.random() / 2));
    }
  }

  async #attempt(body: string, delivery: string): Promise<Attempt> {
    const { url, secret, now, timeoutMs = TIMEOUT_MS } = this.#options;
    const timestamp = String(Math.floor(now() / 1000));
    const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
    try {
      const response = await fetch(url, {
        method: 'POST',
        // A redirect would take the code to somebody else.
        redirect: 'error',
        headers: {
          'content-type': 'application/json',
          'x-carillon-timestamp': timestamp,
          'x-carillon-signature': `v1=${signature}`,
          'x-carillon-delivery': delivery,
        },
        body,
        signal: AbortSignal.timeout(timeoutMs),
      });
      await response.body?.cancel();
      if (response.ok) return { type: 'sent' };
      const isTheirs = response.status >= 500 || response.status === 429;
      return isTheirs
        ? { type: 'failed', why: `status ${response.status}` }
        : { type: 'refused', status: response.status };
    } catch (error) {
      return { type: 'failed', why: error instanceof Error ? error.name : 'unknown' };
    }
  }
}
