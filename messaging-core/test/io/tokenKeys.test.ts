import assert from 'node:assert/strict';
import { chmod, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ACCESS_TOKEN_LIFE_MS, type AccountId, accessClaimsSchema, type DeviceId, TOKEN } from '@carillon/protocol';
import { silentLog, TokenVerifier } from '@carillon/service';
import { createLocalJWKSet, decodeProtectedHeader, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose';
import { MemoryShortLived } from '../../src/io/memory/memoryShortLived.ts';
import { TokenKeys } from '../../src/io/tokenKeys.ts';
import { tempDir } from '../testServer.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const address = { accountId: 'AAAAAAAAAAAAAAAAAAAAAA' as AccountId, deviceId: 1 as DeviceId };

const verifierOf = (keys: JWTVerifyGetKey) =>
  new TokenVerifier({
    keys,
    issuer: TOKEN.issuer.messaging,
    audience: TOKEN.audience.access,
    claims: accessClaimsSchema,
    invalid: 'token-invalid',
    expired: 'token-expired',
    rememberMax: 1,
  });

async function nodes(t: TestContext) {
  const dir = await tempDir(t);
  const clock = { nowMs: 1_800_000_000_000 };
  const now = () => clock.nowMs;
  const shortLived = new MemoryShortLived(now);
  const start = async (name: string) => {
    const file = path.join(dir, name);
    const options = { file, shortLived, now, log: silentLog, announceMs: 10 * MINUTE_MS, signMs: 30 * DAY_MS };
    const keys = await TokenKeys.load(options);
    t.after(() => keys.close());
    return keys;
  };
  return { dir, clock, start };
}

/** As a service does it: fetches the JWKS now and then, and would rather fail than ask about a key id it does not know. */
function cachingResolver(keys: TokenKeys, clock: { nowMs: number }, keptMs: number) {
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  let cached: JWTVerifyGetKey | undefined;
  let unknown = 0;
  const resolver: JWTVerifyGetKey = async (header, token) => {
    if (!cached || clock.nowMs - fetchedAtMs >= keptMs) {
      cached = createLocalJWKSet((await keys.jwks()) as JSONWebKeySet);
      fetchedAtMs = clock.nowMs;
    }
    try {
      return await cached(header, token);
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey) unknown++;
      throw error;
    }
  };
  return { resolver, unknown: () => unknown };
}

test('[AUTH-10] over several rotations a verifier with cached keys meets no unknown one, and tokens stay good', async (t) => {
  const { clock, start } = await nodes(t);
  const keys = await start('keys.json');
  const { resolver, unknown } = cachingResolver(keys, clock, 9 * MINUTE_MS);
  const verifier = verifierOf(resolver);
  const kids = new Set<string>();
  const running: { accessToken: string; expiresAtMs: number }[] = [];
  // A stride that is no divisor of any of the times, with a closer look around each rotation.
  const strideMs = () => (kids.size > 0 && (clock.nowMs / DAY_MS) % 30 < 0.1 ? 3 : 301) * MINUTE_MS + 17_000;
  const endMs = clock.nowMs + 100 * DAY_MS;
  while (clock.nowMs < endMs) {
    await keys.maintain();
    const token = await keys.accessToken(address);
    kids.add(decodeProtectedHeader(token.accessToken).kid!);
    running.push(token);
    while (running[0]!.expiresAtMs <= clock.nowMs) running.shift();
    for (const { accessToken } of running) assert.equal((await verifier.verify(accessToken, clock.nowMs)).dev, 1);
    assert.ok((await keys.jwks()).keys.length <= 3);
    clock.nowMs += strideMs();
  }
  assert.equal(unknown(), 0);
  assert.equal(kids.size, 4, 'one key for each thirty days');
});

test('[AUTH-10] what was signed last by a key verifies to its end, and the key is gone after that', async (t) => {
  const { clock, start } = await nodes(t);
  const keys = await start('keys.json');
  clock.nowMs += 30 * DAY_MS - 10 * MINUTE_MS;
  await keys.maintain();
  assert.equal((await keys.jwks()).keys.length, 2, 'announced');
  clock.nowMs += 10 * MINUTE_MS - 1;
  const last = await keys.accessToken(address);
  clock.nowMs += 1;
  const first = await keys.accessToken(address);
  assert.notEqual(decodeProtectedHeader(last.accessToken).kid, decodeProtectedHeader(first.accessToken).kid);
  clock.nowMs = last.expiresAtMs - 1;
  await keys.maintain();
  assert.equal((await verifierOf(keys.resolver).verify(last.accessToken, clock.nowMs)).dev, 1);
  clock.nowMs += ACCESS_TOKEN_LIFE_MS;
  await keys.maintain();
  clock.nowMs += 20 * MINUTE_MS;
  assert.equal((await keys.jwks()).keys.length, 1);
});

test('[AUTH-11] each node signs with its own key, and the keys of all stand in the JWKS of each', async (t) => {
  const { clock, start } = await nodes(t);
  const [a, b] = [await start('a.json'), await start('b.json')];
  const ofA = await a.accessToken(address);
  const ofB = await b.accessToken(address);
  for (const node of [a, b]) {
    assert.equal((await node.jwks()).keys.length, 2);
    const byHttp = createLocalJWKSet((await node.jwks()) as JSONWebKeySet);
    for (const resolver of [node.resolver, byHttp])
      for (const { accessToken } of [ofA, ofB])
        assert.equal((await verifierOf(resolver).verify(accessToken, clock.nowMs)).sub, address.accountId);
  }
  // B has died: what it signed is good until it is over, then its key goes.
  b.close();
  clock.nowMs += ACCESS_TOKEN_LIFE_MS - 1_000;
  await a.maintain();
  assert.equal((await verifierOf(a.resolver).verify(ofB.accessToken, clock.nowMs)).dev, 1);
  clock.nowMs += 10 * MINUTE_MS;
  await a.maintain();
  assert.equal((await a.jwks()).keys.length, 1);
});

test('[AUTH-1] the file is for the owner only, the JWKS shows no private key, and a restart goes on with the same keys', async (t) => {
  const { dir, clock, start } = await nodes(t);
  const before = await start('keys.json');
  const { accessToken } = await before.accessToken(address);
  const file = path.join(dir, 'keys.json');
  await chmod(file, 0o644);
  const after = await start('keys.json');
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.ok((await after.jwks()).keys.every((key) => !('d' in key) && key.use === 'sig'));
  assert.equal((await verifierOf(after.resolver).verify(accessToken, clock.nowMs)).dev, 1);
  const stranger = await (await nodes(t)).start('keys.json');
  await assert.rejects(verifierOf(stranger.resolver).verify(accessToken, clock.nowMs), { code: 'token-invalid' });
});

test('[AUTH-10] a key from before rotations is followed by another', async (t) => {
  const { dir, clock, start } = await nodes(t);
  await start('new.json');
  const { keys } = JSON.parse(await readFile(path.join(dir, 'new.json'), 'utf8')) as { keys: object[] };
  const old = { keys: [{ ...keys[0], signsFromMs: undefined }] };
  await writeFile(path.join(dir, 'old.json'), JSON.stringify(old));
  const rotating = await start('old.json');
  const first = decodeProtectedHeader((await rotating.accessToken(address)).accessToken).kid;
  clock.nowMs += 10 * MINUTE_MS;
  const second = decodeProtectedHeader((await rotating.accessToken(address)).accessToken).kid;
  assert.notEqual(first, second);
});

test('a broken key file is reported in words, and left alone', async (t) => {
  const { dir, start } = await nodes(t);
  const file = path.join(dir, 'keys.json');
  await writeFile(file, '{"keys":[]}');
  await assert.rejects(start('keys.json'), /cannot be read; restore the file/);
  assert.equal(await readFile(file, 'utf8'), '{"keys":[]}');
});
