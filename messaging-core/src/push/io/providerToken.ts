// The token by which APNs knows its provider (JWT, ES256).
// https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
import { importPKCS8, SignJWT } from 'jose';
import { PROVIDER_TOKEN_AGE_MIN_MS, PROVIDER_TOKEN_REFRESH_MS } from '../core/apns.ts';

export interface ProviderKey {
  /** Contents of the .p8 file. */
  readonly pem: string;
  readonly keyId: string;
  readonly teamId: string;
}

export class ProviderToken {
  readonly #key: ProviderKey;
  readonly #signingKey: Promise<CryptoKey>;
  readonly #now: () => number;
  #current: { readonly token: Promise<string>; readonly madeAtMs: number } | undefined;

  constructor(key: ProviderKey, now: () => number) {
    this.#key = key;
    this.#now = now;
    this.#signingKey = importPKCS8(key.pem, 'ES256');
    // Whoever asks for a token hears of a key that cannot be read.
    this.#signingKey.catch(() => {});
  }

  /** @throws Error when the key is no P-256 key in PKCS #8 */
  async check(): Promise<void> {
    await this.#signingKey;
  }

  get(): Promise<string> {
    const nowMs = this.#now();
    const ageMs = this.#current ? nowMs - this.#current.madeAtMs : Number.POSITIVE_INFINITY;
    // A clock set back must not keep a token that APNs takes for one of tomorrow.
    if (!this.#current || ageMs >= PROVIDER_TOKEN_REFRESH_MS || ageMs < 0)
      this.#current = { token: this.#sign(nowMs), madeAtMs: nowMs };
    return this.#current.token;
  }

  /** After a refusal: true when another token was made. APNs takes one in twenty minutes at most. */
  renew(): boolean {
    if (!this.#current || this.#now() - this.#current.madeAtMs < PROVIDER_TOKEN_AGE_MIN_MS) return false;
    this.#current = undefined;
    return true;
  }

  async #sign(nowMs: number): Promise<string> {
    return new SignJWT()
      .setProtectedHeader({ alg: 'ES256', kid: this.#key.keyId })
      .setIssuer(this.#key.teamId)
      .setIssuedAt(Math.floor(nowMs / 1000))
      .sign(await this.#signingKey);
  }
}
