// The real process, killed at the worst moments.
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, readdir, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { ask, blobIdOf, type Issuer, startIssuer, TestDevice, temporaryFolder } from './mediaUnderTest.ts';

const main = path.join(import.meta.dirname, '../src/main.ts');
const KIB = 1024;

interface ServerProcess {
  readonly url: string;
  readonly issuer: Issuer;
  kill(): Promise<void>;
}

async function startProcess(t: TestContext, dataDir: string, issuer: Issuer): Promise<ServerProcess> {
  const child: ChildProcess = spawn(process.execPath, [main], {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    env: {
      CARILLON_DATA_DIR: dataDir,
      CARILLON_MEDIA_PORT: '0',
      CARILLON_MESSAGING_URL: issuer.url,
      CARILLON_MEDIA_FREE_BYTES_MIN: '0',
    },
  });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  t.after(() => child.kill('SIGKILL'));
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message: { type: string; port?: number; words?: string }) =>
      message.type === 'ready' ? resolve(message.port!) : reject(new Error(message.words)),
    );
    child.once('exit', () => reject(new Error('the process ended before it was ready')));
  });
  return {
    url: `http://127.0.0.1:${port}`,
    issuer,
    kill: () => {
      child.kill('SIGKILL');
      return exited;
    },
  };
}

test('[BLOB-2] killed midway, the server comes back with every byte it had reported', async (t) => {
  const [dataDir, issuer] = [await temporaryFolder(t), await startIssuer(t)];
  const before = await startProcess(t, dataDir, issuer);
  const device = new TestDevice(before);
  const bytes = randomBytes(800 * KIB);
  const { grant } = await device.grant(blobIdOf(bytes), bytes.length);
  const where = await device.create(grant, bytes.length);
  assert.equal((await device.patch(grant, where, 0, bytes.subarray(0, 200 * KIB))).status, 204);
  const file = path.join(dataDir, 'media/uploads', where.split('/').pop()!);
  const socket = connect(Number(new URL(before.url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    `PATCH ${where} HTTP/1.1\r\nhost: x\r\ntus-resumable: 1.0.0\r\nauthorization: Bearer ${grant}\r\nupload-offset: ${200 * KIB}\r\n` +
      `content-type: application/offset+octet-stream\r\ncontent-length: ${600 * KIB}\r\n\r\n`,
  );
  socket.write(bytes.subarray(200 * KIB, 500 * KIB));
  while ((await stat(file)).size < 300 * KIB) await new Promise((resolve) => setImmediate(resolve));
  await before.kill();

  const after = await startProcess(t, dataDir, issuer);
  const ask = (method: string, headers: Record<string, string | number>, body?: Uint8Array) =>
    tus(after.url + where, grant, method, headers, body);
  const offset = Number((await ask('HEAD', {})).headers['upload-offset']);
  assert.ok(offset >= 300 * KIB && offset <= 500 * KIB, `offset ${offset}`);
  const answer = await ask('PATCH', patchHeaders(offset), bytes.subarray(offset));
  assert.equal(answer.status, 204);
  assert.deepEqual(await fetched(after, blobIdOf(bytes)), bytes);
});

test('[BLOB-1] killed right after the last answer, the blob is whole', async (t) => {
  const [dataDir, issuer] = [await temporaryFolder(t), await startIssuer(t)];
  const before = await startProcess(t, dataDir, issuer);
  const bytes = randomBytes(500 * KIB);
  const blobId = await new TestDevice(before).upload(bytes);
  await before.kill();
  const after = await startProcess(t, dataDir, issuer);
  assert.deepEqual(await fetched(after, blobId), bytes);
});

test('[BLOB-1] killed between the last byte and its answer, an upload is verified before it is called whole', async (t) => {
  const [dataDir, issuer] = [await temporaryFolder(t), await startIssuer(t)];
  const before = await startProcess(t, dataDir, issuer);
  const device = new TestDevice(before);
  const [right, wrong] = [randomBytes(1_000), randomBytes(1_000)];
  const places: { where: string; grant: string }[] = [];
  for (const announced of [right, wrong]) {
    const { grant } = await device.grant(blobIdOf(announced), announced.length);
    const where = await device.create(grant, announced.length);
    await device.patch(grant, where, 0, announced.subarray(0, 999));
    places.push({ where, grant });
  }
  await before.kill();
  // What such a moment leaves behind: all bytes in the file, nobody told.
  const folder = path.join(dataDir, 'media/uploads');
  await appendFile(path.join(folder, places[0]!.where.split('/').pop()!), right.subarray(999));
  await appendFile(path.join(folder, places[1]!.where.split('/').pop()!), Buffer.from([wrong[999]! ^ 1]));
  const after = await startProcess(t, dataDir, issuer);
  const heads = await Promise.all(places.map(({ where, grant }) => tus(after.url + where, grant, 'HEAD', {})));
  assert.deepEqual([heads[0]!.status, heads[0]!.headers['upload-offset']], [200, '1000']);
  assert.equal(heads[1]!.status, 422);
  assert.deepEqual(await fetched(after, blobIdOf(right)), right);
  assert.deepEqual(await readdir(folder), []);
});

function tus(
  url: string,
  grant: string,
  method: string,
  headers: Record<string, string | number>,
  body?: Uint8Array,
): ReturnType<typeof ask> {
  return ask(url, {
    method,
    headers: { 'tus-resumable': '1.0.0', authorization: `Bearer ${grant}`, ...headers },
    ...(body ? { body } : {}),
  });
}

function patchHeaders(offset: number): Record<string, string | number> {
  return { 'upload-offset': offset, 'content-type': 'application/offset+octet-stream' };
}

async function fetched(server: { url: string; issuer: Issuer }, blobId: string): Promise<Buffer> {
  const { url } = await new TestDevice(server).link(blobId);
  return (await ask(server.url + url)).body;
}
