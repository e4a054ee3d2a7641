// Verifies JWTs offline against a JWKS endpoint (RFC 7515, 7517, 7519; EdDSA by
// RFC 8037). An Ed25519 verification costs about 0.2 ms, so verified tokens are
// remembered until they expire, up to a bound. Access tokens of devices that
// were removed meanwhile are refused.
import { CLOCK_SKEW_MS, ERRORS, type ErrorCode, PATHS, ProtocolError, TOKEN } from '@carillon/protocol';
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { z } from 'zod';
import type { Log } from './log.ts';
import { RevocationFeed } from './revocations.ts';

/** How long fetched keys are kept. A key has to be published for longer than this before it signs. */
const KEYS_KEPT_MS = 5 * 60_000;

export interface TokenVerifierOptions<Claims> {
  /** Where the keys are, or a resolver (tests, or the issuer itself). With messaging-core's URL, removed devices are asked for beside it. */
  readonly keys: URL | JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  readonly claims: z.ZodType<Claims>;
  readonly invalid: ErrorCode;
  readonly expired: ErrorCode;
  /** Tokens remembered; one costs about 1 KB. */
  readonly rememberMax?: number;
  readonly log?: Log;
  /** For tests: how often removed devices are asked for. */
  readonly pollEveryMs?: number;
}

export class TokenVerifier<Claims extends { exp: number; sub?: string; dev?: number }> {
  readonly #options: TokenVerifierOptions<Claims>;
  readonly #keys: JWTVerifyGetKey;
  readonly #verified = new Map<string, Claims>();
  readonly #rememberMax: number;
  readonly #revocations: RevocationFeed | undefined;

  constructor(options: TokenVerifierOptions<Claims>) {
    const { keys, issuer, log, pollEveryMs } = options;
    this.#options = options;
    this.#keys =
      keys instanceof URL
        ? createRemoteJWKSet(keys, { cooldownDuration: 1_000, cacheMaxAge: KEYS_KEPT_MS, timeoutDuration: 5_000 })
        : keys;
    this.#rememberMax = options.rememberMax ?? 10_000;
    if (keys instanceof URL && issuer === TOKEN.issuer.messaging) {
      const url = new URL(keys.href.replace(PATHS.messaging.jwks, PATHS.messaging.revoked));
      this.#revocations = new RevocationFeed({ url, log, ...(pollEveryMs === undefined ? {} : { pollEveryMs }) });
    }
  }

  /**
   * @param nowMs Unix milliseconds.
   * @throws ProtocolError with the `invalid` or `expired` code; `device-removed`; `internal-error` when the keys cannot be had.
   */
  async verify(token: string, nowMs: number): Promise<Claims> {
    const claims = await this.#verify(token, nowMs);
    // Only now: strangers with made-up tokens cause no requests.
    await this.#revocations?.use();
    if (this.isRevoked(claims)) throw new ProtocolError('device-removed');
    return claims;
  }

  /** Whether the device of such claims was removed, as far as is known here. */
  isRevoked({ sub, dev }: { readonly sub?: string; readonly dev?: number }): boolean {
    return this.#revocations?.has(`${sub}.${dev}`) ?? false;
  }

  /** Told when more devices are known to be removed: their sessions have to end. */
  onRevoked(listener: () => void): void {
    this.#revocations?.onRevoked(listener);
  }

  close(): void {
    this.#revocations?.close();
  }

  async #verify(token: string, nowMs: number): Promise<Claims> {
    const { issuer, audience, claims, invalid, expired } = this.#options;
    const known = this.#verified.get(token);
    if (known) {
      if (known.exp * 1000 > nowMs) return known;
      this.#verified.delete(token);
      throw new ProtocolError(expired);
    }
    try {
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer,
        audience,
        algorithms: ['EdDSA', 'Ed25519'],
        currentDate: new Date(nowMs),
        // For `nbf`: the issuer's clock may be ahead of ours (RFC 7519 §4.1.5). The end is held to exactly, below.
        clockTolerance: CLOCK_SKEW_MS / 1000,
      });
      const parsed = claims.safeParse(payload);
      if (!parsed.success) throw new ProtocolError(invalid, { cause: parsed.error });
      if (parsed.data.exp * 1000 <= nowMs) throw new ProtocolError(expired);
      this.#remember(token, parsed.data);
      return parsed.data;
    } catch (cause) {
      if (cause instanceof ProtocolError) throw cause;
      if (cause instanceof errors.JWTExpired) throw new ProtocolError(expired, { cause });
      const unreachable =
        cause instanceof errors.JWKSTimeout || (cause instanceof Error && cause.message === 'fetch failed');
      throw new ProtocolError(unreachable ? 'internal-error' : invalid, {
        cause,
        words: unreachable ? ERRORS['internal-error'].words : ERRORS[invalid].words,
      });
    }
  }

  #remember(token: string, claims: Claims): void {
    if (this.#verified.size >= this.#rememberMax) {
      const oldest = this.#verified.keys().next().value;
      if (oldest !== undefined) this.#verified.delete(oldest);
    }
    this.#verified.set(token, claims);
  }
}
