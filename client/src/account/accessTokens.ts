// Access tokens: proved by the identity's signature, kept in memory for the
// minutes they live.
import {
  base64urlToBytes,
  bytesToBase64url,
  challengeReplySchema,
  type ErrorCode,
  loginProof,
  PATHS,
  ProtocolError,
  tokenReplySchema,
} from '@carillon/protocol';
import { z } from 'zod';
import { type HttpJson, parseJson } from '../connection/httpJson.ts';
import type { Platform } from '../ports.ts';
import { notSignedIn, readKeys, readProfile } from './profile.ts';

/** Whoever gets a token has at least this long to use it. */
const MARGIN_MS = 60_000;

/** A new token may mend these. */
const REFUSED: ReadonlySet<ErrorCode> = new Set(['token-invalid', 'token-expired']);

const lifetimeSchema = z.object({ iat: z.number(), exp: z.number() });

/** A new one over a connection that has proved the device already; undefined when there is none. @throws ProtocolError */
export type TokenShortcut = () => Promise<{ readonly accessToken: string; readonly expiresAtMs: bigint }> | undefined;

interface Token {
  readonly text: string;
  readonly fetchedAtMs: number;
  /** The same on the performance clock. */
  readonly monotonicMs: number;
  readonly freshMs: number;
}

export class AccessTokens {
  readonly #platform: Platform;
  readonly #http: HttpJson;
  #shortcut: TokenShortcut = () => undefined;
  #token: Token | undefined;
  #underWay: Promise<string> | undefined;

  constructor(platform: Platform, http: HttpJson) {
    this.#platform = platform;
    this.#http = http;
  }

  /** At least a minute from its expiry. @throws ProtocolError */
  get(): Promise<string> {
    const token = this.#token;
    if (token && this.#isFresh(token)) return Promise.resolve(token.text);
    this.#underWay ??= this.#fetch().finally(() => {
      this.#underWay = undefined;
    });
    return this.#underWay;
  }

  /** For a request over HTTP: once more with a new token when the server does not take the first. @throws ProtocolError */
  async use<T>(request: (token: string) => Promise<T>): Promise<T> {
    try {
      return await request(await this.get());
    } catch (error) {
      if (!(error instanceof ProtocolError) || !REFUSED.has(error.code)) throw error;
      this.forget();
      return request(await this.get());
    }
  }

  useShortcut(shortcut: TokenShortcut): void {
    this.#shortcut = shortcut;
  }

  /** The server did not take it: the next is a new one. */
  forget(): void {
    this.#token = undefined;
  }

  /** By both clocks: one may be set back, the other stands still while the device sleeps. */
  #isFresh({ fetchedAtMs, monotonicMs, freshMs }: Token): boolean {
    const ageMs = this.#platform.now() - fetchedAtMs;
    return ageMs >= 0 && ageMs < freshMs && performance.now() - monotonicMs < freshMs;
  }

  async #fetch(): Promise<string> {
    // A server without it, or a connection that ends at this moment: the proof is made anew.
    const refreshed = await this.#shortcut()?.catch(() => undefined);
    return refreshed ? this.#keep(refreshed.accessToken, Number(refreshed.expiresAtMs)) : this.#prove();
  }

  async #prove(): Promise<string> {
    const { store, crypto } = this.#platform;
    const { account, keys } = await store.transaction(async (tx) => {
      const account = await readProfile(tx);
      if (!account) throw notSignedIn();
      return { account, keys: await readKeys(tx) };
    });
    const device = { accountId: account.accountId, deviceId: account.deviceId };
    const { challenge } = await this.#http.post(PATHS.messaging.challenges, device, challengeReplySchema);
    const signature = bytesToBase64url(crypto.ed25519Sign(keys.identity.seed, loginProof(challenge)));
    const { accessToken, expiresAtMs } = await this.#http.post(
      PATHS.messaging.tokens,
      { ...device, challenge, signature },
      tokenReplySchema,
    );
    return this.#keep(accessToken, expiresAtMs);
  }

  #keep(accessToken: string, expiresAtMs: number): string {
    const nowMs = this.#platform.now();
    const lifeMs = lifetimeMs(accessToken) ?? expiresAtMs - nowMs;
    this.#token = {
      text: accessToken,
      fetchedAtMs: nowMs,
      monotonicMs: performance.now(),
      freshMs: lifeMs - Math.min(MARGIN_MS, lifeMs / 2),
    };
    return accessToken;
  }
}

// From its own times (RFC 7519 §4.1), so that a device whose clock is wrong still refreshes in time.
function lifetimeMs(token: string): number | undefined {
  try {
    const claims = lifetimeSchema.parse(
      parseJson(new TextDecoder().decode(base64urlToBytes(token.split('.')[1] ?? ''))),
    );
    return (claims.exp - claims.iat) * 1000;
  } catch {
    return undefined;
  }
}
