// The service's own secrets: the key that signs upload grants, and the one behind
// download links and upload names. They live in the data folder, so that grants
// and links given out before a restart stay good after it.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { type CryptoKey, exportJWK, generateKeyPair, importJWK } from 'jose';
import { z } from 'zod';
import { readOrCreatePrivate } from './durableFile.ts';

export interface MediaKeys {
  readonly grantPrivateKey: CryptoKey;
  readonly grantPublicKey: CryptoKey;
  readonly urlSecret: Uint8Array;
  readonly uploadSecret: Uint8Array;
}

const secretSchema = z.base64url().length(43);
const fileSchema = z.object({
  grantKey: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: secretSchema, d: secretSchema }),
  urlSecret: secretSchema,
  uploadSecret: secretSchema,
});

async function freshKeys(): Promise<string> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const grantKey = await exportJWK(privateKey);
  const secret = () => randomBytes(32).toString('base64url');
  return JSON.stringify(fileSchema.parse({ grantKey, urlSecret: secret(), uploadSecret: secret() }));
}

/** @throws Error in words when the file is there but cannot be used. */
export async function loadKeys(folder: string): Promise<MediaKeys> {
  const file = path.join(folder, 'keys.json');
  const text = await readOrCreatePrivate(file, freshKeys);
  let parsed: z.infer<typeof fileSchema>;
  try {
    parsed = fileSchema.parse(JSON.parse(text));
  } catch {
    throw new Error(`${file} is damaged. Remove it to make new keys: links and grants given out so far end then.`);
  }
  const { d: _private, ...publicJwk } = parsed.grantKey;
  return {
    grantPrivateKey: (await importJWK(parsed.grantKey, 'EdDSA')) as CryptoKey,
    grantPublicKey: (await importJWK(publicJwk, 'EdDSA')) as CryptoKey,
    urlSecret: Buffer.from(parsed.urlSecret, 'base64url'),
    uploadSecret: Buffer.from(parsed.uploadSecret, 'base64url'),
  };
}
