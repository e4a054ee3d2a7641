// How fast blobs go up and come down on loopback, beside a bare node:http server
// that writes and reads plain files in the same run: the ratio is what counts.
// Run: node media-pipeline/test/throughput.ts [MiB]
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { createServer, get, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { PATHS, TOKEN } from '@carillon/protocol';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

const ROUNDS = 3;

if (process.argv.includes('--help')) {
  console.log(
    'Usage: node media-pipeline/test/throughput.ts [MiB]\n\nPrints MB/s up and down, ours and bare. Default 64 MiB.',
  );
} else if (process.argv[2] === 'bare-server') bareServer(process.argv[3]!);
else await measure(Number(process.argv[2] ?? 64) * 1024 * 1024);

/** PUT writes and syncs a file, GET reads it: what a file server cannot do without. */
function bareServer(folder: string): void {
  const file = path.join(folder, 'bare');
  const server = createServer(async (incoming, response) => {
    if (incoming.method === 'PUT') {
      await pipeline(incoming, createWriteStream(file));
      const handle = await open(file, 'r+');
      await handle.sync();
      await handle.close();
      response.end();
    } else await pipeline(createReadStream(file), response);
  });
  server.listen(0, '127.0.0.1', () => process.send!({ type: 'ready', port: (server.address() as AddressInfo).port }));
  process.on('disconnect', () => process.exit());
}

async function started(
  args: string[],
  env: Record<string, string> = {},
): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], env });
  const port = await new Promise<number>((resolve) => {
    child.once('message', (message: { port: number }) => resolve(message.port));
  });
  return { child, url: `http://127.0.0.1:${port}` };
}

async function measure(bytes: number): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'carillon-throughput-'));
  const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
  const jwk = await exportJWK(publicKey);
  const issuer = createServer((_incoming, response) => response.end(JSON.stringify({ keys: [jwk] })));
  await new Promise<void>((resolve) => issuer.listen(0, '127.0.0.1', resolve));
  const token = await new SignJWT({ dev: 1 })
    .setProtectedHeader({ alg: 'EdDSA' })
    .setSubject(randomBytes(16).toString('base64url'))
    .setIssuer(TOKEN.issuer.messaging)
    .setAudience(TOKEN.audience.access)
    .setExpirationTime('10 minutes')
    .sign(privateKey);
  const bare = await started([import.meta.filename, 'bare-server', folder]);
  const ours = await started([path.join(import.meta.dirname, '../src/main.ts')], {
    CARILLON_DATA_DIR: folder,
    CARILLON_MEDIA_PORT: '0',
    CARILLON_MESSAGING_URL: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}`,
    CARILLON_LOG: 'json',
  });
  const best = { bareUp: 0, bareDown: 0, oursUp: 0, oursDown: 0 };
  const keep = (name: keyof typeof best, megabytesPerSecond: number) => {
    best[name] = Math.max(best[name], megabytesPerSecond);
  };
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const data = randomBytes(bytes);
      keep('bareUp', await timed(bytes, () => send(bare.url, 'PUT', {}, data)));
      keep('bareDown', await timed(bytes, () => drain(bare.url)));
      const upload = await createUpload(ours.url, token, data);
      keep('oursUp', await timed(bytes, () => send(ours.url + upload.where, 'PATCH', upload.headers, data)));
      const link = await json(ours.url + PATHS.media.blobUrl(upload.blobId), token);
      keep('oursDown', await timed(bytes, () => drain(ours.url + String(link.url))));
    }
  } finally {
    for (const { child } of [bare, ours]) child.kill();
    issuer.close();
    issuer.closeAllConnections();
    await rm(folder, { recursive: true, force: true });
  }
  const row = (name: string, up: number, down: number) =>
    console.log(`${name.padEnd(28)} ${up.toFixed(0).padStart(8)} ${down.toFixed(0).padStart(8)}`);
  console.log(`${`MB/s, ${bytes / 1024 ** 2} MiB, best of ${ROUNDS}`.padEnd(28)}       up     down`);
  row('bare node:http and files', best.bareUp, best.bareDown);
  row('media-pipeline', best.oursUp, best.oursDown);
  console.log(`ratio up ${(best.oursUp / best.bareUp).toFixed(2)}, down ${(best.oursDown / best.bareDown).toFixed(2)}`);
}

async function createUpload(url: string, token: string, data: Buffer) {
  const blobId = createHash('sha256').update(data).digest('base64url');
  const { grant } = await json(url + PATHS.media.grants, token, { blobId, bytes: data.length });
  const headers = { 'tus-resumable': '1.0.0', authorization: `Bearer ${grant}` };
  const created = await fetch(url + PATHS.media.uploads, {
    method: 'POST',
    headers: { ...headers, 'upload-length': String(data.length) },
  });
  const where = created.headers.get('location')!;
  return {
    blobId,
    where,
    headers: { ...headers, 'upload-offset': '0', 'content-type': 'application/offset+octet-stream' },
  };
}

async function json(url: string, token: string, body: unknown = {}): Promise<Record<string, unknown>> {
  const headers = { authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return (await response.json()) as Record<string, unknown>;
}

async function timed(bytes: number, work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return bytes / 1e6 / ((performance.now() - startMs) / 1000);
}

function send(url: string, method: string, headers: Record<string, string>, data: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers: { ...headers, 'content-length': data.length } }, (response) => {
      response.resume();
      response.on('end', () => (response.statusCode! < 300 ? resolve() : reject(new Error(`${response.statusCode}`))));
    });
    outgoing.on('error', reject);
    outgoing.end(data);
  });
}

function drain(url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      response.on('data', () => {});
      response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`${response.statusCode}`))));
    }).on('error', reject);
  });
}
