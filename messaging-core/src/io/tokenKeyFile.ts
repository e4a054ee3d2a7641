// The signing keys on disk, readable by the owner only.
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { z } from 'zod';

const keyFileSchema = z.object({
  keys: z
    .array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        d: z.string(),
        kid: z.string(),
        // A file from before keys were rotated: its key has signed for long, and is followed by another soon.
        signsFromMs: z.number().int().default(0),
      }),
    )
    .min(1),
});
/** An Ed25519 key (RFC 8037) and when it signs. */
export type TokenKeyRecord = z.infer<typeof keyFileSchema>['keys'][number];

/** Undefined when there is no file. @throws Error in words when it is not what was written */
export async function readTokenKeys(file: string): Promise<readonly TokenKeyRecord[] | undefined> {
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

export async function makeTokenKey(signsFromMs: number): Promise<TokenKeyRecord> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const { kty, crv, x, d } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint({ kty: kty!, crv: crv!, x: x! });
  return keyFileSchema.shape.keys.element.parse({ kty, crv, x, d, kid, signsFromMs });
}

/** Durable when it resolves. */
export async function writeTokenKeys(file: string, keys: readonly TokenKeyRecord[]): Promise<void> {
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
}
