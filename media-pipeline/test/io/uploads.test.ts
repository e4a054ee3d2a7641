import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, stat } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { PATHS } from '@carillon/protocol';
import { Upload } from 'tus-js-client';
import { ask, blobIdOf, type MediaUnderTest, startMedia, TestDevice } from '../mediaUnderTest.ts';

const KIB = 1024;

async function fetched(server: MediaUnderTest, device: TestDevice, blobId: string): Promise<Buffer> {
  const { url } = await device.link(blobId);
  return (await ask(server.url + url)).body;
}

function uploadsIn(server: MediaUnderTest): Promise<string[]> {
  return readdir(path.join(server.dataDir, 'media/uploads'));
}

/** A PATCH whose connection the test holds in its hands. */
function openPatch(server: MediaUnderTest, where: string, grant: string, offset: number, length: number): Socket {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    `PATCH ${where} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nauthorization: Bearer ${grant}\r\n` +
      `upload-offset: ${offset}\r\ncontent-type: application/offset+octet-stream\r\ncontent-length: ${length}\r\n\r\n`,
  );
  return socket;
}

async function untilStored(server: MediaUnderTest, where: string, bytes: number): Promise<void> {
  const file = path.join(server.dataDir, 'media/uploads', where.split('/').pop()!);
  while ((await stat(file)).size < bytes) await new Promise((resolve) => setImmediate(resolve));
}

function offsetOf(answer: { headers: Record<string, string | string[] | undefined> }): number {
  return Number(answer.headers['upload-offset']);
}

test('tus-js-client uploads in pieces, and anyone signed in fetches the same bytes', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(700 * KIB);
  const { grant, uploadUrl, complete } = await device.grant(blobIdOf(bytes), bytes.length);
  assert.equal(complete, false);
  await new Promise<void>((resolve, reject) => {
    new Upload(bytes, {
      endpoint: server.url + uploadUrl,
      headers: { authorization: `Bearer ${grant}` },
      chunkSize: 256 * KIB,
      retryDelays: [],
      onError: reject,
      onSuccess: () => resolve(),
    }).start();
  });
  assert.deepEqual(await fetched(server, new TestDevice(server), blobIdOf(bytes)), bytes);
  assert.equal((await device.grant(blobIdOf(bytes), bytes.length)).complete, true);
  assert.deepEqual(await uploadsIn(server), []);
});

test('creation-with-upload takes a small blob in one request', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(10 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const headers = { 'upload-length': bytes.length, 'content-type': 'application/offset+octet-stream' };
  const answer = await device.tus(grant, 'POST', PATHS.media.uploads, headers, bytes);
  assert.equal(answer.status, 201);
  assert.equal(offsetOf(answer), bytes.length);
  assert.deepEqual(await fetched(server, device, blobIdOf(bytes)), bytes);
});

test('[BLOB-2] an upload cut midway reports what it holds and is resumed, by a fresh grant too', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(900 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  const socket = openPatch(server, where, grant, 0, bytes.length);
  socket.write(bytes.subarray(0, 300 * KIB));
  await untilStored(server, where, 64 * KIB);
  socket.resetAndDestroy();
  const head = await device.tus(grant, 'HEAD', where);
  assert.equal(head.status, 200);
  assert.ok(offsetOf(head) >= 64 * KIB && offsetOf(head) <= 300 * KIB, `offset ${offsetOf(head)}`);
  const second = (await device.grant(blobIdOf(bytes), bytes.length)).grant;
  assert.equal((await device.patch(second, where, offsetOf(head), bytes.subarray(offsetOf(head)))).status, 204);
  assert.deepEqual(await fetched(server, device, blobIdOf(bytes)), bytes);
  // The last answer may be lost: asking again says that all is there.
  assert.equal(offsetOf(await device.tus(grant, 'HEAD', where)), bytes.length);
});

test('[BLOB-1] bytes that are not what was announced are refused and deleted', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(100 * KIB);
  const { grant } = await device.grant(blobIdOf(randomBytes(8)), bytes.length);
  const where = await device.create(grant, bytes.length);
  const answer = await device.patch(grant, where, 0, bytes);
  assert.deepEqual([answer.status, answer.code], [422, 'blob-mismatch']);
  assert.equal(answer.headers['content-type'], 'application/json');
  assert.equal((await device.tus(grant, 'HEAD', where)).status, 404);
  assert.deepEqual(await uploadsIn(server), []);
});

test("[BLOB-3] an upload is its grant's alone", async (t) => {
  const server = await startMedia(t);
  const [device, other] = [new TestDevice(server), new TestDevice(server)];
  const blobId = blobIdOf(Buffer.from('x'));
  const { grant } = await device.grant(blobId, 1);
  const where = await device.create(grant, 1);
  const elsewhere = [await other.grant(blobId, 1), await device.grant(blobIdOf(Buffer.from('y')), 1)];
  for (const { grant: foreign } of elsewhere) {
    for (const method of ['HEAD', 'DELETE']) assert.equal((await device.tus(foreign, method, where)).status, 403);
    const answer = await device.patch(foreign, where, 0, Buffer.from('x'));
    assert.deepEqual([answer.status, answer.code], [403, 'forbidden']);
  }
});

test('[BLOB-3] no grant, a broken one, an access token and an expired grant are refused', async (t) => {
  let nowMs = Date.now();
  const server = await startMedia(t, {}, { now: () => nowMs });
  const device = new TestDevice(server);
  const { grant } = await device.grant(blobIdOf(Buffer.from('x')), 1);
  const where = await device.create(grant, 1);
  const accessToken = await server.issuer.token(device.accountId);
  for (const wrong of ['nonsense', `${grant.slice(0, -4)}AAAA`, accessToken, 'a.b.c']) {
    const answer = await device.patch(wrong, where, 0, Buffer.from('x'));
    assert.deepEqual([answer.status, answer.code], [401, 'grant-invalid'], wrong);
  }
  const bare = await ask(server.url + where, { method: 'PATCH', headers: { 'tus-resumable': '1.0.0' } });
  assert.equal(bare.code, 'grant-invalid');
  nowMs += 86_401_000;
  assert.equal((await device.patch(grant, where, 0, Buffer.from('x'))).code, 'grant-expired');
});

test('a length that was not granted is refused, at creation and on the way', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(64 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const longer = await device.tus(grant, 'POST', PATHS.media.uploads, { 'upload-length': bytes.length + 1 });
  assert.deepEqual([longer.status, longer.code], [422, 'blob-mismatch']);
  const deferred = await device.tus(grant, 'POST', PATHS.media.uploads, { 'upload-defer-length': '1' });
  assert.equal(deferred.status, 422);
  const where = await device.create(grant, bytes.length);
  const oversize = await device.patch(grant, where, 0, randomBytes(bytes.length + 1));
  assert.deepEqual([oversize.status, oversize.code], [413, 'blob-too-large']);
  const chunked = await device.tus(
    grant,
    'PATCH',
    where,
    { 'upload-offset': 0, 'content-type': 'application/offset+octet-stream', 'transfer-encoding': 'chunked' },
    Buffer.concat([bytes, bytes]),
  );
  assert.deepEqual([chunked.status, chunked.code], [413, 'blob-too-large']);
  const head = await device.tus(grant, 'HEAD', where);
  assert.ok(offsetOf(head) < bytes.length);
  assert.equal((await device.patch(grant, where, offsetOf(head), bytes.subarray(offsetOf(head)))).status, 204);
});

test('wrong offsets, types and versions are answered, and change nothing', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(1_000);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  const type = { 'content-type': 'application/offset+octet-stream' };
  const bad: [Record<string, string>, number][] = [
    [{ ...type, 'upload-offset': '5' }, 409],
    [{ ...type, 'upload-offset': '-1' }, 400],
    [{ ...type, 'upload-offset': 'x' }, 400],
    [type, 403],
    [{ 'upload-offset': '0', 'content-type': 'text/plain' }, 400],
    [{ ...type, 'upload-offset': '0', 'tus-resumable': '0.2.2' }, 400],
  ];
  for (const [headers, status] of bad) {
    const answer = await device.tus(grant, 'PATCH', where, headers, bytes);
    assert.deepEqual([answer.status, answer.code], [status, 'invalid-request'], JSON.stringify(headers));
  }
  const old = await ask(server.url + where, { method: 'HEAD', headers: { authorization: `Bearer ${grant}` } });
  assert.equal(old.status, 412);
  assert.equal(offsetOf(await device.tus(grant, 'HEAD', where)), 0);
});

test('paths that are no uploads are not found, and reach no file', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const { grant } = await device.grant(blobIdOf(Buffer.from('x')), 1);
  await device.create(grant, 1);
  for (const id of ['', '..%2f..%2fkeys.json', '%2e%2e', 'a/b', '%00', 'keys.json', 'a'.repeat(4_000)]) {
    const answer = await device.tus(grant, 'PATCH', `${PATHS.media.uploads}/${id}`, { 'upload-offset': 0 });
    assert.equal(answer.status, 404, id);
  }
  for (const target of ['//', '/media/v1/uploads/../../../etc/passwd', '*', 'http://[', '/%']) {
    const { hostname, port } = new URL(server.url);
    const answer = await ask('http://x', { hostname, port, path: target, method: 'PATCH' });
    assert.ok(answer.status === 404 || answer.status === 400, `${target} ${answer.status}`);
  }
});

test('two requests for one upload: the newcomer takes over, and the bytes stay right', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(600 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  const hanging = openPatch(server, where, grant, 0, bytes.length);
  t.after(() => hanging.destroy());
  hanging.write(bytes.subarray(0, 100 * KIB));
  await untilStored(server, where, 100 * KIB);
  const head = await device.tus(grant, 'HEAD', where);
  assert.equal(offsetOf(head), 100 * KIB);
  const rest = bytes.subarray(100 * KIB);
  const answers = await Promise.all([1, 2, 3].map(() => device.patch(grant, where, 100 * KIB, rest)));
  const statuses = answers.map(({ status }) => status).sort();
  assert.ok(statuses.includes(204), `${statuses}`);
  assert.ok(
    statuses.every((status) => status === 204 || status === 409),
    `${statuses}`,
  );
  assert.deepEqual(await fetched(server, device, blobIdOf(bytes)), bytes);
});

test('an upload can be ended by its device, and begun again', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(1_000);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  await device.patch(grant, where, 0, bytes.subarray(0, 10));
  assert.equal((await device.tus(grant, 'DELETE', where)).status, 204);
  assert.equal((await device.tus(grant, 'HEAD', where)).status, 404);
  assert.deepEqual(await uploadsIn(server), []);
  assert.equal(await device.upload(bytes), blobIdOf(bytes));
  // A finished blob is not the upload's any more: ending it takes nothing away.
  assert.equal((await device.tus(grant, 'DELETE', where)).status, 404);
  assert.deepEqual(await fetched(server, device, blobIdOf(bytes)), bytes);
});

test('an upload that rests too long is swept', async (t) => {
  let nowMs = Date.now();
  const server = await startMedia(t, {}, { now: () => nowMs });
  const device = new TestDevice(server);
  const { grant } = await device.grant(blobIdOf(Buffer.from('x')), 1);
  await device.create(grant, 1);
  await server.media.sweep();
  assert.equal((await uploadsIn(server)).length, 1);
  nowMs += 24 * 3_600_000 + 60_000;
  await server.media.sweep();
  assert.deepEqual(await uploadsIn(server), []);
});

test('a connection that sends nothing more is cut, and what came is kept', async (t) => {
  const server = await startMedia(t, { CARILLON_MEDIA_IDLE_SECONDS: '2' });
  const device = new TestDevice(server);
  const bytes = randomBytes(200 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  const socket = openPatch(server, where, grant, 0, bytes.length);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.write(bytes.subarray(0, 64 * KIB));
  socket.resume();
  await closed;
  assert.equal(offsetOf(await device.tus(grant, 'HEAD', where)), 64 * KIB);
});

test('a refusal reaches a client that is still sending', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const { grant } = await device.grant(blobIdOf(Buffer.from('x')), 1);
  const where = await device.create(grant, 1);
  const body = randomBytes(4 * 1024 * KIB);
  assert.equal((await device.patch('wrong', where, 0, body)).code, 'grant-invalid');
  assert.equal((await device.patch(grant, where, 0, body)).code, 'blob-too-large');
  assert.equal((await device.patch(grant, where, 1, body.subarray(0, 1))).status, 409);
});
