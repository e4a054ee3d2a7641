import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { LIMITS, PATHS, TOKEN, uploadClaimsSchema } from '@carillon/protocol';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { ask, blobIdOf, newAccountId, startMedia, TestDevice } from '../mediaUnderTest.ts';

const anyId = () => blobIdOf(randomBytes(16));

test('a grant says whose, which blob, how many bytes, and for how long', async (t) => {
  const nowMs = 1_900_000_000_000;
  const server = await startMedia(t, {}, { now: () => nowMs });
  const token = await server.issuer.token(newAccountId(), { expiresInS: 10 ** 9 });
  const blobId = anyId();
  const answer = await ask(server.url + PATHS.media.grants, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ blobId, bytes: 5 }),
  });
  const reply = JSON.parse(answer.body.toString()) as { grant: string; expiresAtMs: number };
  const claims = decodeJwt(reply.grant);
  assert.equal(decodeProtectedHeader(reply.grant).alg, 'EdDSA');
  assert.deepEqual([claims.iss, claims.aud], [TOKEN.issuer.media, TOKEN.audience.upload]);
  assert.deepEqual([uploadClaimsSchema.parse(claims).blob, claims.bytes], [blobId, 5]);
  assert.equal(reply.expiresAtMs, nowMs + 86_400_000);
});

test('the keys are private, and survive a restart', async (t) => {
  const first = await startMedia(t);
  const device = new TestDevice(first);
  const bytes = randomBytes(2_000);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  await device.patch(grant, where, 0, bytes.subarray(0, 500));
  await first.close();
  const { mode } = await stat(path.join(first.dataDir, 'media/keys.json'));
  assert.equal(mode & 0o777, 0o600);
  const again = await startMedia(t, {}, { dataDir: first.dataDir, issuer: first.issuer });
  const answer = await ask(again.url + where, {
    method: 'PATCH',
    headers: {
      authorization: `Bearer ${grant}`,
      'tus-resumable': '1.0.0',
      'upload-offset': 500,
      'content-type': 'application/offset+octet-stream',
    },
    body: bytes.subarray(500),
  });
  assert.equal(answer.status, 204);
});

test('wrong and expired access tokens are refused on every path that asks for one', async (t) => {
  const server = await startMedia(t);
  const account = newAccountId();
  const expired = await server.issuer.token(account, { expiresInS: -10 });
  const room = await server.issuer.token(account, { audience: TOKEN.audience.room });
  for (const where of [PATHS.media.grants, PATHS.media.blobUrl(anyId())]) {
    const code = async (authorization?: string) => {
      const headers = authorization === undefined ? {} : { authorization };
      return (await ask(server.url + where, { method: 'POST', headers, body: '{}' })).code;
    };
    assert.equal(await code(`Bearer ${expired}`), 'token-expired');
    assert.equal(await code(`Bearer ${room}`), 'token-invalid');
    assert.equal(await code('Bearer x'), 'token-invalid');
    assert.equal(await code('Basic eA=='), 'token-invalid');
    assert.equal(await code(), 'token-invalid');
  }
});

test('a request that is no grant request is answered', async (t) => {
  const server = await startMedia(t);
  const token = await server.issuer.token(newAccountId());
  const post = (body: string) =>
    ask(server.url + PATHS.media.grants, { method: 'POST', headers: { authorization: `Bearer ${token}` }, body });
  assert.equal((await post('{')).code, 'malformed-frame');
  for (const body of ['{}', '[]', 'null', `{"blobId":"${anyId()}","bytes":0}`, `{"blobId":"../x","bytes":1}`]) {
    assert.equal((await post(body)).code, 'invalid-request', body);
  }
  assert.equal((await post(' '.repeat(100_000))).code, 'frame-too-large');
});

test('[BLOB-4] size, daily bytes and disk space bound what is granted', async (t) => {
  const server = await startMedia(t, {
    CARILLON_MEDIA_BLOB_BYTES_MAX: '100000',
    CARILLON_MEDIA_DAILY_BYTES: '150000',
  });
  const device = new TestDevice(server);
  assert.equal((await device.askForGrant(anyId(), 100_001)).code, 'blob-too-large');
  assert.equal((await device.askForGrant(anyId(), LIMITS.blobBytesMax + 1)).code, 'blob-too-large');
  assert.equal((await device.askForGrant(anyId(), 100_000)).status, 200);
  const refused = await device.askForGrant(anyId(), 100_000);
  assert.deepEqual([refused.status, refused.code], [429, 'rate-limited']);
  assert.ok(Number(refused.headers['retry-after']) > 3_600);
  assert.equal((await new TestDevice(server).askForGrant(anyId(), 100_000)).status, 200);
  const full = await startMedia(t, { CARILLON_MEDIA_FREE_BYTES_MIN: String(2 ** 52) });
  const answer = await new TestDevice(full).askForGrant(anyId(), 1);
  assert.deepEqual([answer.status, answer.code], [507, 'storage-full']);
  assert.equal((await ask(full.url + PATHS.media.health)).status, 503);
});

test('asking again for an upload under way is not counted twice', async (t) => {
  const server = await startMedia(t, { CARILLON_MEDIA_DAILY_BYTES: '150000' });
  const device = new TestDevice(server);
  const blobId = anyId();
  const { grant } = await device.grant(blobId, 100_000);
  await device.create(grant, 100_000);
  for (let i = 0; i < 3; i++) assert.equal((await device.askForGrant(blobId, 100_000)).status, 200);
});

test('[AUTH-12] the token of a removed device is refused on every path that asks for one', async (t) => {
  const server = await startMedia(t);
  const account = newAccountId();
  const token = await server.issuer.token(account);
  server.issuer.revoked.push({ accountId: account, deviceId: 1 });
  for (const where of [PATHS.media.grants, PATHS.media.blobUrl(anyId())]) {
    const answer = await ask(server.url + where, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual([answer.status, answer.code], [401, 'device-removed']);
  }
});
