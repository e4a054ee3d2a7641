// Verifies JWTs offline against a JWKS endpoint (RFC 7515, 7517, 7519; EdDSA by
// RFC 8037). An Ed25519 verification costs about 0.2 ms, so verified tokens are
// remembered until they expire, up to a bound.
import { ERRORS, type ErrorCode, ProtocolError } from '@carillon/protocol';
import { createRemoteJWKSet, errors, type JWTVerifyGetKey, jwtVerify } from 'jose';
import type { z } from 'zod';

export interface TokenVerifierOptions<Claims> {
  /** Where the keys are, or a resolver (tests, or the issuer itself). */
  readonly keys: URL | JWTVerifyGetKey;
  readonly issuer: string;
  readonly audience: string;
  readonly claims: z.ZodType<Claims>;
  readonly invalid: ErrorCode;
  readonly expired: ErrorCode;
  /** Tokens remembered; one costs about 1 KB. */
  readonly rememberMax?: number;
}

export class TokenVerifier<Claims extends { exp: number }> {
  readonly #options: TokenVerifierOptions<Claims>;
  readonly #keys: JWTVerifyGetKey;
  readonly #verified = new Map<string, Claims>();
  readonly #rememberMax: number;

  constructor(options: TokenVerifierOptions<Claims>) {
    this.#options = options;
    this.#keys =
      options.keys instanceof URL
        ? createRemoteJWKSet(options.keys, { cooldownDuration: 1_000, cacheMaxAge: 600_000, timeoutDuration: 5_000 })
        : options.keys;
    this.#rememberMax = options.rememberMax ?? 10_000;
  }

  /**
   * @param nowMs Unix milliseconds.
   * @throws ProtocolError with the `invalid` or `expired` code; `internal-error` when the keys cannot be had.
   */
  async verify(token: string, nowMs: number): Promise<Claims> {
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
      });
      const parsed = claims.safeParse(payload);
      if (!parsed.success) throw new ProtocolError(invalid, { cause: parsed.error });
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
