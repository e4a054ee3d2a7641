import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { aptLine, buildWorker, debianPackages, missingPackages, ninjaProgress } from '../../worker/build.ts';
import { prebuiltUrl } from '../../worker/download.ts';
import { ensureWorker, type InstallProgress } from '../../worker/install.ts';
import {
  cachedWorkerPath,
  cacheKey,
  locateWorker,
  workerCandidates,
  workerFolder,
  workerProblem,
} from '../../worker/locate.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'carillon-install-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program that answers the health check as a worker does, or not. */
function fakeWorker(file: string, exit = 41): string {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\nexit ${exit}\n`);
  chmodSync(file, 0o755);
  return file;
}

/** A mediasoup package without a worker of its own. */
function emptyPackage(): string {
  const packageFolder = path.join(folder, 'mediasoup');
  mkdirSync(packageFolder);
  writeFileSync(path.join(packageFolder, 'package.json'), '{"version":"9.9.9"}');
  return packageFolder;
}

test('a worker is healthy when it exits with 41 without a version, and only then', () => {
  assert.equal(workerProblem(fakeWorker(path.join(folder, 'good'))), undefined);
  assert.match(workerProblem(fakeWorker(path.join(folder, 'library'), 127)) ?? '', /library is missing/);
  assert.match(workerProblem(fakeWorker(path.join(folder, 'bad'), 0)) ?? '', /exit 0/);
  assert.match(workerProblem(path.join(folder, 'none')) ?? '', /not there/);
  writeFileSync(path.join(folder, 'text'), 'no program', { mode: 0o755 });
  assert.ok(workerProblem(path.join(folder, 'text')));
});

test('candidates: the named one alone, else the package, then the cache', () => {
  const packageFolder = emptyPackage();
  const env = { CARILLON_CACHE_DIR: path.join(folder, 'cache') };
  const cached = cachedWorkerPath(env, '9.9.9');
  assert.ok(cached.startsWith(path.join(folder, 'cache/carillon/mediasoup-worker/9.9.9-')));
  assert.deepEqual(workerCandidates({ ...env, MEDIASOUP_WORKER_BIN: '/x' }, packageFolder), [
    { way: 'environment', path: '/x' },
  ]);
  assert.deepEqual(
    workerCandidates(env, packageFolder).map(({ way }) => way),
    ['package', 'cache'],
  );
  assert.equal(locateWorker(env, packageFolder), undefined);
  fakeWorker(cached);
  assert.deepEqual(locateWorker(env, packageFolder), { way: 'cache', path: cached });
  const inPackage = path.join(packageFolder, 'worker/out/Release/mediasoup-worker');
  fakeWorker(inPackage, 127);
  assert.equal(locateWorker(env, packageFolder)?.way, 'cache');
  fakeWorker(inPackage);
  assert.equal(locateWorker(env, packageFolder)?.way, 'package');
  assert.equal(locateWorker({ ...env, MEDIASOUP_WORKER_BIN: '/x' }, packageFolder), undefined);
});

test('the cache lies in CARILLON_CACHE_DIR, XDG_CACHE_HOME or ~/.cache, in this order', () => {
  const base = (env: Record<string, string>) => cachedWorkerPath(env, '1').split('/carillon/')[0];
  assert.equal(base({ CARILLON_CACHE_DIR: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' }), '/a');
  assert.equal(base({ CARILLON_CACHE_DIR: '', XDG_CACHE_HOME: '/b', HOME: '/c' }), '/b');
  assert.equal(base({ HOME: '/c' }), '/c/.cache');
});

test('the cache key changes with version, platform and every file of the recipe, and with nothing else', () => {
  const recipe = path.join(folder, 'recipe');
  for (const part of ['overlay', 'build.sh', 'packages.txt']) {
    cpSync(path.join(workerFolder, part), path.join(recipe, part), { recursive: true });
  }
  const key = (version = '1', arch = 'x64') => cacheKey(version, 'linux', arch, recipe);
  const before = key();
  assert.equal(before, cacheKey('1', 'linux', 'x64', workerFolder));
  writeFileSync(path.join(recipe, 'README.md'), 'words');
  assert.equal(key(), before);
  assert.notEqual(key('2'), before);
  assert.notEqual(key('1', 'arm64'), before);
  writeFileSync(path.join(recipe, 'overlay/subprojects/libsrtp3/accel.c'), 'changed');
  assert.notEqual(key(), before);
});

test('a named worker that does not run is an error, not a reason to take another', async () => {
  const bad = fakeWorker(path.join(folder, 'bad'), 127);
  await assert.rejects(
    ensureWorker({ env: { MEDIASOUP_WORKER_BIN: bad } }),
    /MEDIASOUP_WORKER_BIN .*library is missing/,
  );
});

test('the prebuilt is fetched with progress, checked, and kept in the cache', {}, async () => {
  fakeWorker(path.join(folder, 'mediasoup-worker'));
  spawnSync('tar', ['czf', 'worker.tgz', 'mediasoup-worker'], { cwd: folder });
  const archive = readFileSync(path.join(folder, 'worker.tgz'));
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url);
    response.setHeader('content-length', archive.length).end(archive);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = {
    CARILLON_CACHE_DIR: path.join(folder, 'cache'),
    MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  };
  const said: string[] = [];
  const progress: InstallProgress[] = [];
  const options = {
    env,
    packageFolder: emptyPackage(),
    log: (line: string) => said.push(line),
    onProgress: (p: InstallProgress) => progress.push(p),
  };
  try {
    const { way, path: cached } = await ensureWorker(options);
    assert.equal(way, 'download');
    assert.equal(cached, cachedWorkerPath(env, '9.9.9'));
    assert.deepEqual(progress.at(-1), { step: 'download', done: archive.length, total: archive.length });
    assert.deepEqual(asked, [new URL(prebuiltUrl('9.9.9', env)).pathname]);
    assert.match(said.at(-1) ?? '', /upstream prebuilt/);
    assert.equal((await ensureWorker(options)).way, 'cache');
    assert.equal(asked.length, 1);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test('the build reads what ninja prints, and names what Debian lacks', () => {
  assert.deepEqual(ninjaProgress('[12/263] Compiling C++ object x.o'), { done: 12, total: 263 });
  assert.equal(ninjaProgress('warning: [1/2]'), undefined);
  assert.ok(debianPackages().includes('libsrtp2-dev'));
  assert.deepEqual(missingPackages(['no-such-package-at-all']), ['no-such-package-at-all']);
  assert.match(aptLine(['a', 'b']), /^sudo apt-get update && sudo apt-get install .* a b$/);
});

test('a build that fails says why and leaves nothing in the cache', { skip: lacksPackages() }, async () => {
  const target = path.join(folder, 'cache/mediasoup-worker');
  const options = { log: () => {}, onProgress: () => {} };
  await assert.rejects(buildWorker(emptyPackage(), target, options), /bash .*build\.sh failed \(1\):\n.*cannot stat/s);
  assert.equal(existsSync(path.dirname(target)), false);
});

test('the installer runs alone', () => {
  const script = fileURLToPath(new URL('../../worker/install.ts', import.meta.url));
  const run = (args: string[], env: Record<string, string>) =>
    spawnSync(process.execPath, [script, ...args], { env, encoding: 'utf8' });
  assert.match(run(['--help'], {}).stdout, /MEDIASOUP_WORKER_BIN/);
  const good = fakeWorker(path.join(folder, 'good'));
  const look = run(['--look'], { MEDIASOUP_WORKER_BIN: good });
  assert.deepEqual([look.status, look.stdout.trim()], [0, `${good} (named by MEDIASOUP_WORKER_BIN)`]);
  assert.equal(run(['--look'], { MEDIASOUP_WORKER_BIN: path.join(folder, 'none') }).status, 1);
});

/** As root the build would install them: not in a test. */
function lacksPackages(): string | false {
  const missing = missingPackages(debianPackages());
  return missing.length > 0 && `Debian packages of the build are not installed: ${missing.join(' ')}`;
}
