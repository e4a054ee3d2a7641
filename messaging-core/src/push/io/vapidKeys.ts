// The key by which push services know this server (VAPID, RFC 8292): P-256, made
// once. Browsers bind their subscriptions to it, so a new key would make every
// one of them void.
import { createECDH } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { importJWK } from 'jose';
import { z } from 'zod';

const keyFileSchema = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string(),
  y: z.string(),
  d: z.string(),
});
type PrivateJwk = z.infer<typeof keyFileSchema>;

export interface VapidKeys {
  readonly signingKey: CryptoKey;
  /** Uncompressed point, 65 bytes: what a browser subscribes with. */
  readonly publicKey: Uint8Array;
}

/** Reads the private key (JWK) from `file`, or makes one there. @throws Error in words when it cannot be read */
export async function loadVapidKeys(file: string): Promise<VapidKeys> {
  const jwk = (await readKey(file)) ?? (await makeKey(file));
  const signingKey = (await importJWK(jwk, 'ES256')) as CryptoKey;
  const point = Buffer.concat([Buffer.of(4), Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')]);
  return { signingKey, publicKey: new Uint8Array(point) };
}

async function readKey(file: string): Promise<PrivateJwk | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return keyFileSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new Error(`The Web Push key in ${file} cannot be read: a private P-256 key as JWK is expected.`, { cause });
  }
}

async function makeKey(file: string): Promise<PrivateJwk> {
  const ecdh = createECDH('prime256v1');
  ecdh.generateKeys();
  const point = ecdh.getPublicKey();
  const jwk: PrivateJwk = {
    kty: 'EC',
    crv: 'P-256',
    x: point.subarray(1, 33).toString('base64url'),
    y: point.subarray(33).toString('base64url'),
    // Leading zeros are left out by node:crypto; RFC 7518 §6.2.2.1 wants all 32 bytes.
    d: Buffer.concat([Buffer.alloc(32), ecdh.getPrivateKey()])
      .subarray(-32)
      .toString('base64url'),
  };
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Whole or not at all: a half-written key file would end every later start.
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(jwk));
    await handle.sync();
  } finally {
    await handle.close();
  }
  await chmod(part, 0o600);
  await rename(part, file);
  return jwk;
}
