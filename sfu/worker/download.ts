// The worker that mediasoup's authors publish beside each release. It has no
// published checksum: HTTPS and the run check are all that vouches for it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import path from 'node:path';
import { type Environment, workerProblem } from './locate.ts';
import { putWorker } from './put.ts';

/** Until the answer starts. Higher makes an offline installation wait longer, lower loses on slow lines. */
const ANSWER_TIMEOUT_MS = 8_000;
/** The whole transfer of some 10 MB; past it the build is the better way. */
const TRANSFER_TIMEOUT_MS = 180_000;
const BYTES_MAX = 64 * 1024 * 1024;

export function prebuiltUrl(version: string, env: Environment = process.env): string {
  const kernel = process.platform === 'linux' ? `-kernel${release().split('.')[0]}` : '';
  const base =
    env.MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL || 'https://github.com/versatica/mediasoup/releases/download';
  return `${base}/${version}/mediasoup-worker-${version}-${process.platform}-${process.arch}${kernel}.tgz`;
}

/** @throws Error saying why there is no prebuilt worker for this machine. */
export async function downloadWorker(
  url: string,
  target: string,
  onBytes: (done: number, total: number) => void,
): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'carillon-worker-'));
  try {
    await writeFile(path.join(folder, 'worker.tgz'), await fetchBytes(url, onBytes));
    const untar = spawnSync('tar', ['xzf', 'worker.tgz'], { cwd: folder, stdio: 'ignore' });
    if (untar.status !== 0) throw new Error('the archive cannot be unpacked');
    const binary = path.join(folder, 'mediasoup-worker');
    const problem = workerProblem(binary);
    if (problem) throw new Error(`it ${problem}`);
    putWorker(binary, target);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fetchBytes(url: string, onBytes: (done: number, total: number) => void): Promise<Buffer> {
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(new Error('no answer')), ANSWER_TIMEOUT_MS);
  try {
    const response = await fetch(url, { signal: abort.signal });
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error('too slow')), TRANSFER_TIMEOUT_MS);
    const total = Number(response.headers.get('content-length') ?? 0);
    const chunks: Uint8Array[] = [];
    let done = 0;
    for await (const chunk of response.body) {
      done += chunk.length;
      if (done > BYTES_MAX) throw new Error('it is larger than a worker can be');
      chunks.push(chunk);
      onBytes(done, total);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    // fetch hides the reason (ENOTFOUND, ECONNREFUSED) in the cause.
    if (error instanceof Error && error.cause instanceof Error) {
      throw new Error((error.cause as NodeJS.ErrnoException).code ?? error.cause.message, { cause: error });
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}
