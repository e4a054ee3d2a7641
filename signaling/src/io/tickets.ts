// Room tickets: what signaling promises the SFU (JWT, EdDSA; RFC 7519, RFC
// 8037). The key is signaling's own; the SFU reads its public half from the JWKS.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { type RoomClaims, TOKEN } from '@carillon/protocol';
import {
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JSONWebKeySet,
  type JWK,
  SignJWT,
} from 'jose';

/**
 * A ticket only opens the door: it must outlast one connection set-up to the
 * SFU. Longer, and whoever was removed from a call could still walk in.
 */
const TICKET_SECONDS = 60;

export class TicketSigner {
  readonly jwks: JSONWebKeySet;
  readonly #key: CryptoKey;
  readonly #keyId: string;

  private constructor(key: CryptoKey, publicJwk: JWK, keyId: string) {
    this.#key = key;
    this.#keyId = keyId;
    this.jwks = { keys: [{ ...publicJwk, kid: keyId, alg: 'EdDSA', use: 'sig' }] };
  }

  /** Takes the key out of `dataDir`, or makes one there, readable by its owner only. */
  static async open(dataDir: string): Promise<TicketSigner> {
    const path = join(dataDir, 'ticket-key.json');
    const jwk = readKey(path) ?? (await makeKey(path));
    const key = await importJWK(jwk, 'EdDSA');
    if (key instanceof Uint8Array) throw new Error(`${path} holds no Ed25519 key`);
    const { d: _, ...publicJwk } = jwk;
    return new TicketSigner(key, publicJwk, await calculateJwkThumbprint(publicJwk));
  }

  sign({ sub, dev, room, num, node }: Omit<RoomClaims, 'exp'>, nowMs: number): Promise<string> {
    const nowSeconds = Math.floor(nowMs / 1000);
    return new SignJWT({ dev, room, num, node })
      .setProtectedHeader({ alg: 'EdDSA', kid: this.#keyId })
      .setIssuer(TOKEN.issuer.signaling)
      .setAudience(TOKEN.audience.room)
      .setSubject(sub)
      .setIssuedAt(nowSeconds)
      .setExpirationTime(nowSeconds + TICKET_SECONDS)
      .sign(this.#key);
  }
}

function readKey(path: string): JWK | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as JWK;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${path} cannot be read`, { cause: error });
  }
}

async function makeKey(path: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  // Whole or not at all: a half-written key would keep the service from starting.
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  const file = openSync(draft, 'wx', 0o600);
  writeSync(file, JSON.stringify(jwk));
  fsyncSync(file);
  closeSync(file);
  renameSync(draft, path);
  return jwk;
}
