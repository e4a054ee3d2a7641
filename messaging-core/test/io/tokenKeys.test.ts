import assert from 'node:assert/strict';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { type AccountId, accessClaimsSchema, type DeviceId, TOKEN } from '@carillon/protocol';
import { TokenVerifier } from '@carillon/service';
import { TokenKeys } from '../../src/io/tokenKeys.ts';
import { tempDir } from '../testServer.ts';

const address = { accountId: 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId, deviceId: 1 as DeviceId };
const verifierOf = (keys: TokenKeys) =>
  new TokenVerifier({
    keys: keys.resolver,
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
  });

test('[AUTH-1] a new key in front signs, and tokens of the one behind it still verify', async (t) => {
  const dir = await tempDir(t);
  const [oldFile, newFile] = [path.join(dir, 'old.json'), path.join(dir, 'new.json')];
  const before = await TokenKeys.load(oldFile);
  await TokenKeys.load(newFile);
  const keysOf = async (file: string) => JSON.parse(await readFile(file, 'utf8')).keys;
  const rotated = path.join(dir, 'rotated.json');
  await writeFile(rotated, JSON.stringify({ keys: [...(await keysOf(newFile)), ...(await keysOf(oldFile))] }));
  await chmod(rotated, 0o644);
  const after = await TokenKeys.load(rotated);
  assert.equal((await stat(rotated)).mode & 0o777, 0o600);
  assert.equal(after.jwks.keys.length, 2);
  assert.ok(after.jwks.keys.every((key) => !('d' in key) && key.use === 'sig'));

  const nowMs = Date.now();
  const verifier = verifierOf(after);
  const old = await before.accessToken(address, nowMs);
  assert.deepEqual((await verifier.verify(old.accessToken, nowMs)).sub, address.accountId);
  const fresh = await after.accessToken(address, nowMs);
  assert.equal((await verifier.verify(fresh.accessToken, nowMs)).dev, 1);
  await assert.rejects(verifierOf(before).verify(fresh.accessToken, nowMs), { code: 'token-invalid' });
  await assert.rejects(verifierOf(after).verify(fresh.accessToken, fresh.expiresAtMs + 1), { code: 'token-expired' });
});

test('a broken key file is reported in words, and left alone', async (t) => {
  const file = path.join(await tempDir(t), 'keys.json');
  await writeFile(file, '{"keys":[]}');
  await assert.rejects(TokenKeys.load(file), /cannot be read; restore the file/);
  assert.equal(await readFile(file, 'utf8'), '{"keys":[]}');
});
