import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
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
  assert.deepEqual(await readdir(path.join(server.dataDir, 'media/uploads')), []);
});

test('[BLOB-2] an upload cut midway reports what it holds and is resumed', async (t) => {
  const server = await startMedia(t);
  const device = new TestDevice(server);
  const bytes = randomBytes(900 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  await cutMidway(server, where, grant, bytes, 300 * KIB);
  const head = await device.tus(grant, 'HEAD', where);
  const offset = Number(head.headers['upload-offset']);
  assert.equal(head.status, 200);
  assert.ok(offset > 0 && offset <= 300 * KIB, `offset ${offset}`);
  assert.equal((await device.patch(grant, where, offset, bytes.subarray(offset))).status, 204);
  assert.deepEqual(await fetched(server, device, blobIdOf(bytes)), bytes);
  // The last answer may be lost: asking again says that all is there.
  const again = await device.tus(grant, 'HEAD', where);
  assert.equal(again.headers['upload-offset'], String(bytes.length));
});

/** Sends the head of a PATCH and part of its body, waits until the server has it, then resets the connection. */
async function cutMidway(
  server: MediaUnderTest,
  where: string,
  grant: string,
  bytes: Buffer,
  cutAt: number,
): Promise<void> {
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.write(
    `PATCH ${where} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nauthorization: Bearer ${grant}\r\nupload-offset: 0\r\n` +
      `content-type: application/offset+octet-stream\r\ncontent-length: ${bytes.length}\r\n\r\n`,
  );
  socket.write(bytes.subarray(0, cutAt));
  const file = path.join(server.dataDir, 'media/uploads', where.split('/').pop()!);
  const { stat } = await import('node:fs/promises');
  while ((await stat(file)).size < 64 * KIB) await new Promise((resolve) => setImmediate(resolve));
  socket.resetAndDestroy();
}

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
  assert.deepEqual(await readdir(path.join(server.dataDir, 'media/uploads')), []);
});

void createHmac;
void PATHS;
