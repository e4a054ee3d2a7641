import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { get } from 'node:http';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { test } from 'node:test';
import { type BlobId, PATHS } from '@carillon/protocol';
import type { BlobRange } from '../../src/io/blobStore.ts';
import { LocalBlobStore } from '../../src/io/localBlobStore.ts';
import { ask, blobIdOf, startMedia, TestDevice, temporaryFolder } from '../mediaUnderTest.ts';

const KIB = 1024;
const DAY_MS = 86_400_000;

/** Small ones come out of memory, large ones as a stream: both answer alike. */
for (const [kind, size] of [
  ['small', 100 * KIB],
  ['large', 3 * 1024 * KIB],
] as const) {
  test(`[BLOB-5] ranges, validators and headers of a ${kind} blob`, async (t) => {
    const server = await startMedia(t);
    const device = new TestDevice(server);
    const bytes = randomBytes(size);
    const blobId = await device.upload(bytes);
    const url = server.url + (await device.link(blobId)).url;
    const etag = `"${blobId}"`;

    const whole = await ask(url);
    assert.equal(whole.status, 200);
    assert.deepEqual(whole.body, bytes);
    assert.equal(whole.headers.etag, etag);
    assert.equal(whole.headers['content-length'], String(size));
    assert.equal(whole.headers['content-type'], 'application/octet-stream');
    assert.equal(whole.headers['x-content-type-options'], 'nosniff');
    assert.match(String(whole.headers['cache-control']), /^private, .*immutable$/);
    assert.equal(whole.headers['accept-ranges'], 'bytes');

    const matrix: [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      ['bytes=0-65535', 0, 65_535],
      ['bytes=65536-', 65_536, size - 1],
      ['bytes=-16', size - 16, size - 1],
      [`bytes=${size - 1}-${size + 5}`, size - 1, size - 1],
    ];
    for (const [range, start, end] of matrix) {
      const part = await ask(url, { headers: { range } });
      assert.equal(part.status, 206, range);
      assert.equal(part.headers['content-range'], `bytes ${start}-${end}/${size}`);
      assert.equal(part.headers['content-length'], String(end - start + 1));
      assert.deepEqual(part.body, bytes.subarray(start, end + 1), range);
    }
    for (const range of [`bytes=${size}-`, 'bytes=-0']) {
      const beyond = await ask(url, { headers: { range } });
      assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, `bytes */${size}`]);
    }
    for (const range of ['bytes=5-1', 'bytes=0-1,4-5', 'lines=1-2', 'bytes=a-b']) {
      assert.deepEqual((await ask(url, { headers: { range } })).body.length, size, range);
    }

    const head = await ask(url, { method: 'HEAD', headers: { range: 'bytes=0-1' } });
    assert.deepEqual([head.status, head.headers['content-length'], head.body.length], [200, String(size), 0]);
    const same = await ask(url, { headers: { 'if-none-match': etag, range: 'bytes=0-1' } });
    assert.deepEqual([same.status, same.headers.etag, same.body.length], [304, etag, 0]);
    assert.equal((await ask(url, { headers: { 'if-none-match': '"else"' } })).status, 200);
    const still = await ask(url, { headers: { 'if-range': etag, range: 'bytes=0-1' } });
    assert.equal(still.status, 206);
    const changed = await ask(url, { headers: { 'if-range': '"else"', range: 'bytes=0-1' } });
    assert.equal(changed.status, 200);
  });
}

test('[BLOB-6] a link is refused when it is wrong, and when it is old', async (t) => {
  let nowMs = Date.now();
  const server = await startMedia(t, {}, { now: () => nowMs });
  const device = new TestDevice(server);
  const blobId = await device.upload(randomBytes(10));
  const { url, expiresAtMs } = await device.link(blobId);
  assert.ok(Math.abs(expiresAtMs - nowMs - 3_600_000) <= 1_000);
  const bare = server.url + PATHS.media.blob(blobId);
  for (const wrong of [bare, `${bare}?expires=1`, `${server.url}${url.replace(/expires=\d+/, 'expires=9999999999')}`]) {
    const answer = await ask(wrong);
    assert.deepEqual([answer.status, answer.code], [403, 'url-invalid'], wrong);
  }
  nowMs = expiresAtMs;
  const late = await ask(server.url + url);
  assert.deepEqual([late.status, late.code], [403, 'url-expired']);
});

test('[BLOB-8] past its retention a blob is gone at once, said so for long, and never served from memory', async (t) => {
  let nowMs = Date.now();
  const server = await startMedia(t, { CARILLON_MEDIA_URL_SECONDS: '604800' }, { now: () => nowMs });
  const tokens = { expiresInS: 10 ** 9 };
  const device = new TestDevice({
    url: server.url,
    issuer: { url: '', revoked: [], token: (id) => server.issuer.token(id, tokens) },
  });
  const bytes = randomBytes(10);
  const blobId = await device.upload(bytes);
  assert.equal((await device.askForLink(blobIdOf(randomBytes(4)))).code, 'not-found');
  nowMs += 28 * DAY_MS;
  const { url } = await device.link(blobId);
  assert.deepEqual((await ask(server.url + url)).body, bytes);
  nowMs += 3 * DAY_MS;
  for (const swept of [false, true]) {
    if (swept) await server.media.sweep();
    const answer = await ask(server.url + url);
    assert.deepEqual([answer.status, answer.code], [410, 'blob-expired'], `swept: ${swept}`);
    assert.equal((await device.askForLink(blobId)).code, 'blob-expired');
  }
  // The sender sends it again.
  await device.upload(bytes);
  assert.deepEqual((await ask(server.url + (await device.link(blobId)).url)).body, bytes);
  nowMs += 300 * DAY_MS;
  await server.media.sweep();
  nowMs += 300 * DAY_MS;
  await server.media.sweep();
  assert.equal((await device.askForLink(blobId)).code, 'not-found');
});

test('[BLOB-8] a forward starts the days of a blob anew', async (t) => {
  let nowMs = Date.now();
  const server = await startMedia(t, {}, { now: () => nowMs });
  const tokens = { expiresInS: 10 ** 9 };
  const device = new TestDevice({
    url: server.url,
    issuer: { url: '', revoked: [], token: (id) => server.issuer.token(id, tokens) },
  });
  const blobId = await device.upload(randomBytes(10));
  nowMs += 29 * DAY_MS;
  assert.equal((await device.grant(blobId, 10)).complete, true);
  nowMs += 29 * DAY_MS;
  await server.media.sweep();
  assert.equal((await device.askForLink(blobId)).status, 200);
});

class CountingStore extends LocalBlobStore {
  opened = 0;

  override open(blobId: BlobId, range?: BlobRange): Promise<Readable> {
    this.opened++;
    return super.open(blobId, range);
  }
}

test('[BLOB-7] however many ask for a small blob, the store reads it once', async (t) => {
  const dataDir = await temporaryFolder(t);
  await mkdir(path.join(dataDir, 'media/blobs'), { recursive: true });
  const blobs = new CountingStore(path.join(dataDir, 'media/blobs'));
  const server = await startMedia(t, {}, { dataDir, blobs });
  const device = new TestDevice(server);
  const bytes = randomBytes(200 * KIB);
  const url = server.url + (await device.link(await device.upload(bytes))).url;
  const answers = await Promise.all(Array.from({ length: 50 }, () => ask(url)));
  for (const { body } of answers) assert.ok(body.equals(bytes));
  assert.equal(blobs.opened, 1);
  await ask(url, { headers: { range: 'bytes=5-9' } });
  assert.equal(blobs.opened, 1);
});

test('[BLOB-7] memory holds no more than it may, and without memory all is served too', async (t) => {
  const dataDir = await temporaryFolder(t);
  await mkdir(path.join(dataDir, 'media/blobs'), { recursive: true });
  const blobs = new CountingStore(path.join(dataDir, 'media/blobs'));
  const server = await startMedia(t, { CARILLON_MEDIA_CACHE_BYTES: String(150 * KIB) }, { dataDir, blobs });
  const device = new TestDevice(server);
  const urls: string[] = [];
  for (let i = 0; i < 2; i++)
    urls.push(server.url + (await device.link(await device.upload(randomBytes(100 * KIB)))).url);
  for (const url of [...urls, ...urls]) assert.equal((await ask(url)).body.length, 100 * KIB);
  assert.equal(blobs.opened, 4);
  const without = await startMedia(t, { CARILLON_MEDIA_CACHE_BYTES: '0' }, { dataDir: await temporaryFolder(t) });
  const other = new TestDevice(without);
  const bytes = randomBytes(1_000);
  assert.deepEqual((await ask(without.url + (await other.link(await other.upload(bytes))).url)).body, bytes);
});

test('a reader that goes away midway harms nobody', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(4 * 1024 * KIB);
  const url = server.url + (await device.link(await device.upload(bytes))).url;
  await new Promise<void>((resolve) => {
    const request = get(url, (response) => {
      response.once('data', () => {
        response.destroy();
        resolve();
      });
    });
    request.on('error', () => {});
  });
  assert.ok((await ask(url)).body.equals(bytes));
});

test('blob paths that are no blob ids are not found', async (t) => {
  const server = await startMedia(t);
  for (const id of ['', 'x', '..%2fkeys.json', `${'A'.repeat(42)}B`, `${'A'.repeat(43)}/`, 'A'.repeat(44)]) {
    assert.equal((await ask(server.url + PATHS.media.blob(id))).status, 404, id);
  }
  const id = blobIdOf(Buffer.from('x'));
  assert.equal((await ask(server.url + PATHS.media.blob(id), { method: 'PUT' })).status, 404);
  assert.equal((await ask(server.url + PATHS.media.blobUrl(id))).status, 404);
});
