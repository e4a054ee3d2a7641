// Where a mediasoup-worker may be, and whether one runs on this machine. Looks
// only; install.ts is what changes anything.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** `environment`: MEDIASOUP_WORKER_BIN; `package`: inside node_modules/mediasoup. */
export type WorkerWay = 'environment' | 'package' | 'cache' | 'download' | 'build';

export interface LocatedWorker {
  readonly path: string;
  readonly way: WorkerWay;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Started without MEDIASOUP_VERSION the worker exits with this (worker/src/main.cpp, lib.cpp). */
const EXIT_WITHOUT_VERSION = 41;
const HEALTH_TIMEOUT_MS = 10_000;

export const workerFolder = path.dirname(fileURLToPath(import.meta.url));

/** The installed npm package's folder. */
export function mediasoupFolder(): string {
  return path.resolve(fileURLToPath(import.meta.resolve('mediasoup')), '../../..');
}

export function mediasoupVersion(folder = mediasoupFolder()): string {
  const { version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** What is wrong with this worker, in words; undefined when it runs here. */
export function workerProblem(binary: string): string | undefined {
  if (!existsSync(binary)) return 'is not there';
  const { status, error } = spawnSync(binary, { env: {}, stdio: 'ignore', timeout: HEALTH_TIMEOUT_MS });
  if (status === EXIT_WITHOUT_VERSION) return undefined;
  if (status === 127) return 'does not run here: a library is missing';
  return `does not run here (${error ? error.message : `exit ${status}`})`;
}

/**
 * One cache entry per mediasoup version, platform and recipe: a change to the
 * build or the overlay must not be answered by what the old one made.
 */
export function cacheKey(
  version: string,
  platform: string = process.platform,
  arch: string = process.arch,
  recipeFolder = workerFolder,
): string {
  const hash = createHash('sha256');
  const files = readdirSync(recipeFolder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /^(overlay[/\\]|build\.sh$|packages\.txt$)/.test(name),
  );
  for (const name of files.sort()) {
    const file = path.join(recipeFolder, name);
    if (statSync(file).isFile()) hash.update(`${name}\0`).update(readFileSync(file)).update('\0');
  }
  return `${version}-${platform}-${arch}-${hash.digest('hex').slice(0, 12)}`;
}

export function cachedWorkerPath(env: Environment = process.env, version = mediasoupVersion()): string {
  // `||`, as an empty variable counts as unset (XDG Base Directory Specification).
  const base = env.CARILLON_CACHE_DIR || env.XDG_CACHE_HOME || path.join(env.HOME || homedir(), '.cache');
  return path.join(base, 'carillon', 'mediasoup-worker', cacheKey(version), 'mediasoup-worker');
}

/** The places to look, best first. */
export function workerCandidates(env: Environment = process.env, packageFolder = mediasoupFolder()): LocatedWorker[] {
  // Whoever names a worker means that one: nothing else is tried.
  if (env.MEDIASOUP_WORKER_BIN) return [{ way: 'environment', path: env.MEDIASOUP_WORKER_BIN }];
  return [
    { way: 'package', path: path.join(packageFolder, 'worker/out/Release/mediasoup-worker') },
    { way: 'cache', path: cachedWorkerPath(env, mediasoupVersion(packageFolder)) },
  ];
}

/** The first worker that runs here, or undefined. Changes nothing. */
export function locateWorker(env: Environment = process.env, packageFolder?: string): LocatedWorker | undefined {
  return workerCandidates(env, packageFolder).find((candidate) => workerProblem(candidate.path) === undefined);
}
