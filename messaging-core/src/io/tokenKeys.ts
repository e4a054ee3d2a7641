// The keys that sign access tokens (Ed25519; RFC 8037), on disk readable by the
// owner only. The first signs; all verify, so that a new key can be put in
// front while tokens of the one before still run.
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { Address } from '@carillon/protocol';
import { TOKEN } from '@carillon/protocol';
import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
  type JWTVerifyGetKey,
  SignJWT,
} from 'jose';
import { z } from 'zod';

/** Shorter limits how long a removed device still gets in elsewhere, longer saves logins. */
export const ACCESS_TOKEN_LIFE_MS = 10 * 60_000;

const keyFileSchema = z.object({
  keys: z
    .array(
      z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), d: z.string(), kid: z.string() }),
    )
    .min(1),
});
type PrivateJwk = z.infer<typeof keyFileSchema>['keys'][number];
type SigningKey = Awaited<ReturnType<typeof importJWK>>;

export class TokenKeys {
  /** What the JWKS endpoint answers (RFC 7517): the public halves. */
  readonly jwks: { readonly keys: JWK[] };
  /** Verifies our own tokens without the way over HTTP. */
  readonly resolver: JWTVerifyGetKey;
  readonly #signingKey: SigningKey;
  readonly #signingKid: string;

  private constructor(keys: readonly PrivateJwk[], signingKey: SigningKey) {
    this.jwks = { keys: keys.map(({ d: _private, ...publicHalf }) => ({ ...publicHalf, use: 'sig', alg: 'EdDSA' })) };
    this.resolver = createLocalJWKSet(this.jwks);
    this.#signingKey = signingKey;
    this.#signingKid = keys[0]!.kid;
  }

  /** Reads the keys from `file`, or makes the first one. @throws Error when the file is not what we wrote */
  static async load(file: string): Promise<TokenKeys> {
    const keys = (await readKeys(file)) ?? (await makeKeys(file));
    return new TokenKeys(keys, await importJWK(keys[0]!, 'EdDSA'));
  }

  async accessToken(address: Address, nowMs: number): Promise<{ accessToken: string; expiresAtMs: number }> {
    const issuedAt = Math.floor(nowMs / 1000);
    const expiresAt = issuedAt + ACCESS_TOKEN_LIFE_MS / 1000;
    const accessToken = await new SignJWT({ dev: address.deviceId })
      .setProtectedHeader({ alg: 'EdDSA', kid: this.#signingKid, typ: 'JWT' })
      .setIssuer(TOKEN.issuer.messaging)
      .setAudience(TOKEN.audience.access)
      .setSubject(address.accountId)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(this.#signingKey);
    return { accessToken, expiresAtMs: expiresAt * 1000 };
  }
}

async function readKeys(file: string): Promise<PrivateJwk[] | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  await chmod(file, 0o600);
  try {
    return keyFileSchema.parse(JSON.parse(text)).keys;
  } catch (cause) {
    throw new Error(`The signing keys in ${file} cannot be read; restore the file, or remove it to make new ones.`, {
      cause,
    });
  }
}

async function makeKeys(file: string): Promise<PrivateJwk[]> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint({ kty: kty!, crv: crv!, x: x! });
  const { keys } = keyFileSchema.parse({ keys: [{ kty, crv, x, d, kid }] });
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Whole or not at all: a half-written key file would end every later start.
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify({ keys }));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
  return keys;
}
