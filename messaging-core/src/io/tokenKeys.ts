// The keys that sign access tokens (Ed25519; RFC 8037). Each node has its own,
// follows one by another in time, and tells the other nodes the public halves,
// so that any node's JWKS (RFC 7517) names them all.
import { ACCESS_TOKEN_LIFE_MS, type Address, CLOCK_SKEW_MS, TOKEN } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { errors, importJWK, type JWK, type JWTVerifyGetKey, SignJWT } from 'jose';
import { z } from 'zod';
import { planRotation, type RotationPolicy, signingKey } from '../core/keyRotation.ts';
import type { ShortLived } from '../core/shortLived.ts';
import { makeTokenKey, readTokenKeys, type TokenKeyRecord, writeTokenKeys } from './tokenKeyFile.ts';

/** How often keys are looked at and announced anew. */
const MAINTAIN_EVERY_MS = 60_000;
/** An announcement outlives its node by the tokens it may have signed. */
const ANNOUNCED_LIFE_MS = ACCESS_TOKEN_LIFE_MS + CLOCK_SKEW_MS + 4 * MAINTAIN_EVERY_MS;
/** The other nodes' keys are asked for again for a key id nobody knows, but not more often: anyone can make one up. */
const REFRESH_EVERY_MS = 250;

const publicJwkSchema = z.object({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: z.string().length(43),
  kid: z.string().min(1).max(64),
});
type PublicJwk = z.infer<typeof publicJwkSchema>;
type VerifyKey = Awaited<ReturnType<typeof importJWK>>;

export interface TokenKeysOptions {
  readonly file: string;
  readonly shortLived: ShortLived;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  readonly announceMs: number;
  readonly signMs: number;
}

export class TokenKeys {
  /** Verifies tokens of all nodes without the way over HTTP. */
  readonly resolver: JWTVerifyGetKey;
  readonly #options: TokenKeysOptions;
  readonly #policy: RotationPolicy;
  #own: readonly TokenKeyRecord[];
  #others: readonly PublicJwk[] = [];
  #refreshedAtMs = Number.NEGATIVE_INFINITY;
  readonly #imported = new Map<string, Promise<VerifyKey>>();
  readonly #timer: NodeJS.Timeout;
  #maintaining: Promise<void> | undefined;

  private constructor(options: TokenKeysOptions, keys: readonly TokenKeyRecord[]) {
    this.#options = options;
    this.#policy = {
      announceMs: options.announceMs,
      signMs: options.signMs,
      tokenMs: ACCESS_TOKEN_LIFE_MS + CLOCK_SKEW_MS,
    };
    this.#own = keys;
    this.resolver = async ({ kid }) => this.#verifyKey(kid);
    this.#timer = setInterval(() => void this.maintain(), MAINTAIN_EVERY_MS);
    this.#timer.unref();
  }

  /** Reads the keys from the file, or makes the first one. @throws Error when the file is not what we wrote */
  static async load(options: TokenKeysOptions): Promise<TokenKeys> {
    let keys = await readTokenKeys(options.file);
    if (!keys) {
      keys = [await makeTokenKey(options.now())];
      await writeTokenKeys(options.file, keys);
    }
    const tokenKeys = new TokenKeys(options, keys);
    await tokenKeys.maintain();
    return tokenKeys;
  }

  /** What the JWKS endpoint answers: the public halves of all nodes' keys. */
  async jwks(): Promise<{ readonly keys: readonly JWK[] }> {
    await this.#refresh();
    const own = this.#own.map(publicHalf);
    const ownKids = new Set(own.map(({ kid }) => kid));
    const others = this.#others.filter(({ kid }) => !ownKids.has(kid));
    return { keys: [...own, ...others].map((key) => ({ ...key, use: 'sig', alg: 'EdDSA' })) };
  }

  async accessToken(address: Address): Promise<{ accessToken: string; expiresAtMs: number }> {
    const nowMs = this.#options.now();
    const { kid, ...jwk } = signingKey(this.#own, nowMs)!;
    const issuedAt = Math.floor(nowMs / 1000);
    const expiresAt = issuedAt + ACCESS_TOKEN_LIFE_MS / 1000;
    const accessToken = await new SignJWT({ dev: address.deviceId })
      .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'JWT' })
      .setIssuer(TOKEN.issuer.messaging)
      .setAudience(TOKEN.audience.access)
      .setSubject(address.accountId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(await this.#import(`signs ${kid}`, jwk));
    return { accessToken, expiresAtMs: expiresAt * 1000 };
  }

  /** Makes and drops keys as their times come, and tells the other nodes. A failure is logged and tried again later. */
  maintain(): Promise<void> {
    this.#maintaining ??= this.#maintain().finally(() => {
      this.#maintaining = undefined;
    });
    return this.#maintaining;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  async #maintain(): Promise<void> {
    const { file, log, now, shortLived } = this.#options;
    try {
      const { keep, makeFromMs } = planRotation(this.#own, now(), this.#policy);
      if (makeFromMs !== undefined || keep.length < this.#own.length) {
        const keys = makeFromMs === undefined ? keep : [...keep, await makeTokenKey(makeFromMs)];
        // On disk before anybody may rely on it.
        await writeTokenKeys(file, keys);
        this.#own = keys;
        log.info('token keys changed', { keys: keys.length, announced: makeFromMs !== undefined });
      }
      for (const key of this.#own) {
        const { kid, ...rest } = publicHalf(key);
        await shortLived.put('jwk', kid, JSON.stringify(rest), ANNOUNCED_LIFE_MS);
      }
      this.#forgetImports();
    } catch (error) {
      log.error('token keys not maintained', { error: error instanceof Error ? error.message : String(error) });
    }
  }

  async #verifyKey(kid: string | undefined): Promise<VerifyKey> {
    const find = () => [...this.#own, ...this.#others].find((key) => key.kid === kid);
    let key = find();
    if (!key) {
      await this.#refresh();
      key = find();
    }
    if (!key) throw new errors.JWKSNoMatchingKey();
    const { kty, crv, x } = key;
    return this.#import(key.kid, { kty, crv, x });
  }

  /** Signing or verifying key, imported once: that takes as long as a signature. */
  #import(name: string, jwk: JWK): Promise<VerifyKey> {
    let key = this.#imported.get(name);
    if (!key) {
      key = importJWK(jwk, 'EdDSA');
      this.#imported.set(name, key);
    }
    return key;
  }

  #forgetImports(): void {
    const known = new Set([...this.#own, ...this.#others].map(({ kid }) => kid));
    for (const name of this.#imported.keys()) if (!known.has(name.replace(/^signs /, ''))) this.#imported.delete(name);
  }

  async #refresh(): Promise<void> {
    const { now, shortLived, log } = this.#options;
    const nowMs = now();
    if (Math.abs(nowMs - this.#refreshedAtMs) < REFRESH_EVERY_MS) return;
    this.#refreshedAtMs = nowMs;
    try {
      const announced = await shortLived.list('jwk');
      this.#others = announced.flatMap(({ key, value }) => {
        const parsed = publicJwkSchema.safeParse({ ...(JSON.parse(value) as object), kid: key });
        return parsed.success ? [parsed.data] : [];
      });
    } catch (error) {
      // Those known so far still serve.
      log.warn("other nodes' token keys not read", { error: error instanceof Error ? error.message : String(error) });
    }
  }
}

function publicHalf({ kty, crv, x, kid }: TokenKeyRecord): PublicJwk {
  return { kty, crv, x, kid };
}
