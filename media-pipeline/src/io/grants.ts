// Upload grants: leave to upload one blob of a known length (JWT, EdDSA; RFC 7519, 8037).
import {
  type AccountId,
  type BlobId,
  ProtocolError,
  TOKEN,
  type UploadClaims,
  uploadClaimsSchema,
} from '@carillon/protocol';
import { bearerToken, TokenVerifier } from '@carillon/service';
import { SignJWT } from 'jose';
import type { MediaKeys } from './keys.ts';

export class Grants {
  readonly #keys: MediaKeys;
  readonly #validMs: number;
  readonly #verifier: TokenVerifier<UploadClaims>;

  constructor(keys: MediaKeys, validMs: number) {
    this.#keys = keys;
    this.#validMs = validMs;
    this.#verifier = new TokenVerifier({
      keys: async () => keys.grantPublicKey,
      issuer: TOKEN.issuer.media,
      audience: TOKEN.audience.upload,
      claims: uploadClaimsSchema,
      invalid: 'grant-invalid',
      expired: 'grant-expired',
    });
  }

  async issue(
    accountId: AccountId,
    blobId: BlobId,
    bytes: number,
    nowMs: number,
  ): Promise<{ grant: string; expiresAtMs: number }> {
    const expiresAtS = Math.ceil((nowMs + this.#validMs) / 1000);
    const grant = await new SignJWT({ blob: blobId, bytes })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setSubject(accountId)
      .setIssuer(TOKEN.issuer.media)
      .setAudience(TOKEN.audience.upload)
      .setExpirationTime(expiresAtS)
      .sign(this.#keys.grantPrivateKey);
    return { grant, expiresAtMs: expiresAtS * 1000 };
  }

  /** @throws ProtocolError `grant-invalid`, `grant-expired` */
  async check(authorization: string | undefined, nowMs: number): Promise<UploadClaims> {
    let token: string;
    try {
      token = bearerToken({ headers: { authorization } });
    } catch (cause) {
      throw new ProtocolError('grant-invalid', { cause });
    }
    return this.#verifier.verify(token, nowMs);
  }
}
