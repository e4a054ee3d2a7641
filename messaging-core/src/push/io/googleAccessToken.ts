// An OAuth 2.0 access token by a service account's signed assertion (RFC 7523),
// as Google's APIs take it.
// https://developers.google.com/identity/protocols/oauth2/service-account#httprest
import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { Http2Client } from './http2Client.ts';

const SCOPE = 'https://www.googleapis.com/auth/firebase.messaging';
const ASSERTION_LIFE_S = 3_600;
/** Fetched anew so long before its end, while the old one still serves. */
const EARLY_MS = 5 * 60_000;
/** After a refresh that failed, the old one serves on and the next try waits. */
const RETRY_MS = 10_000;

export const serviceAccountSchema = z.object({
  type: z.literal('service_account'),
  project_id: z.string().regex(/^[a-z0-9-]{4,64}$/),
  private_key_id: z.string(),
  private_key: z.string(),
  client_email: z.string(),
  token_uri: z.url({ protocol: /^https$/ }),
});
export type ServiceAccount = z.infer<typeof serviceAccountSchema>;

/** What a header can carry (RFC 9110 §5.5): anything else could not be sent, and would be kept until its end. */
const accessTokenSchema = z.string().regex(/^[\x21-\x7e]{1,8192}$/);
const replySchema = z.object({ access_token: accessTokenSchema, expires_in: z.number().positive() });

interface AccessToken {
  readonly token: string;
  readonly endsAtMs: number;
}

export class GoogleAccessToken {
  readonly #account: ServiceAccount;
  readonly #now: () => number;
  readonly #client: Http2Client;
  #current: AccessToken | undefined;
  #fetching: Promise<AccessToken> | undefined;
  #notBeforeMs = 0;

  constructor(account: ServiceAccount, ca: string | undefined, now: () => number) {
    this.#account = account;
    this.#now = now;
    this.#client = new Http2Client({ origin: new URL(account.token_uri).origin, ca, idleMs: 60_000 });
  }

  /** @throws Error when there is none to be had */
  async get(): Promise<string> {
    const nowMs = this.#now();
    const current = this.#current;
    if (!current || current.endsAtMs <= nowMs) return (await this.#refresh()).token;
    // Nobody waits for an early refresh.
    if (current.endsAtMs - EARLY_MS <= nowMs && this.#notBeforeMs <= nowMs) this.#refresh().catch(() => {});
    return current.token;
  }

  /** It was refused: the next one asked for is another. */
  drop(token: string): void {
    if (this.#current?.token === token) this.#current = undefined;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** One request however many wait for it. */
  #refresh(): Promise<AccessToken> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<AccessToken> {
    const nowMs = this.#now();
    this.#notBeforeMs = nowMs + RETRY_MS;
    const { token_uri: tokenUri } = this.#account;
    const body = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: await this.#assertion(nowMs),
    });
    const { pathname, search } = new URL(tokenUri);
    const reply = await this.#client.post(
      {
        path: pathname + search,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: body.toString(),
      },
      true,
    );
    if (reply.status !== 200) throw new Error(`no access token: ${reply.status}`);
    const { access_token: token, expires_in: seconds } = replySchema.parse(JSON.parse(reply.body));
    this.#current = { token, endsAtMs: nowMs + seconds * 1000 };
    return this.#current;
  }

  async #assertion(nowMs: number): Promise<string> {
    const { private_key, private_key_id, client_email, token_uri } = this.#account;
    const issuedAt = Math.floor(nowMs / 1000);
    return new SignJWT({ scope: SCOPE })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid: private_key_id })
      .setIssuer(client_email)
      .setAudience(token_uri)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ASSERTION_LIFE_S)
      .sign(await importPKCS8(private_key, 'RS256'));
  }
}
