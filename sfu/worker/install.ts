// Makes sure that a mediasoup-worker that runs on this machine is there. The
// npm package's own install script is not used: newer npm blocks such scripts,
// and offline it fails after minutes.
import { aptLine, buildWorker, debianPackages } from './build.ts';
import { downloadWorker, prebuiltUrl } from './download.ts';
import {
  cachedWorkerPath,
  type Environment,
  type LocatedWorker,
  locateWorker,
  mediasoupFolder,
  mediasoupVersion,
  workerProblem,
} from './locate.ts';
import { progressLine } from './progressLine.ts';

export { type LocatedWorker, locateWorker, type WorkerWay } from './locate.ts';

export interface InstallProgress {
  readonly step: 'download' | 'build';
  /** Bytes, or build steps. */
  readonly done: number;
  readonly total: number;
}

export interface EnsureWorkerOptions {
  readonly log?: (line: string) => void;
  /** By default a line on standard error. */
  readonly onProgress?: (progress: InstallProgress) => void;
  readonly env?: Environment;
  /** The mediasoup package; by default the one that is installed. */
  readonly packageFolder?: string;
}

/**
 * In turn: MEDIASOUP_WORKER_BIN, the npm package's folder, the cache, the
 * upstream prebuilt, and a build with Debian's libraries; the last two fill the
 * cache, which outlives a reinstallation of node_modules.
 * @throws Error in plain words that say what to install, when none works.
 */
export async function ensureWorker(options: EnsureWorkerOptions = {}): Promise<LocatedWorker> {
  const { log = () => {}, onProgress = progressOnTerminal(), env = process.env } = options;
  const { packageFolder = mediasoupFolder() } = options;
  const found = locateWorker(env, packageFolder);
  if (found) {
    log(`mediasoup worker: ${found.path} (${WAYS[found.way]})`);
    return found;
  }
  if (env.MEDIASOUP_WORKER_BIN) {
    throw new Error(`MEDIASOUP_WORKER_BIN ${env.MEDIASOUP_WORKER_BIN} ${workerProblem(env.MEDIASOUP_WORKER_BIN)}`);
  }
  const version = mediasoupVersion(packageFolder);
  const path = cachedWorkerPath(env, version);
  const failures: string[] = [];
  const ways = [
    {
      way: 'download' as const,
      attempt: () => {
        const url = prebuiltUrl(version, env);
        log(`downloading the mediasoup worker: ${url}`);
        return downloadWorker(url, path, (done, total) => onProgress({ step: 'download', done, total }));
      },
    },
    {
      way: 'build' as const,
      attempt: () =>
        buildWorker(packageFolder, path, {
          log,
          onProgress: (done, total) => onProgress({ step: 'build', done, total }),
        }),
    },
  ];
  for (const { way, attempt } of ways) {
    try {
      await attempt();
      log(`mediasoup worker: ${path} (${WAYS[way]})`);
      return { way, path };
    } catch (error) {
      const failure = `${way}: ${error instanceof Error ? error.message : String(error)}`;
      failures.push(failure);
      log(`no mediasoup worker by ${failure}`);
    }
  }
  throw new Error(
    `No mediasoup worker ${version} could be had for ${process.platform} ${process.arch}.\n${failures.join('\n')}\n` +
      `To mend it, let this machine reach github.com, or name a worker by MEDIASOUP_WORKER_BIN,\n` +
      `or, on Debian 12 or later, make the build possible and start again:\n  ${aptLine(debianPackages())}`,
  );
}

function progressOnTerminal(): (progress: InstallProgress) => void {
  const lines = { download: progressLine('  downloading'), build: progressLine('  building') };
  return ({ step, done, total }) => lines[step](done, total);
}

const WAYS = {
  environment: 'named by MEDIASOUP_WORKER_BIN',
  package: 'in the mediasoup package',
  cache: 'from the cache',
  download: 'the upstream prebuilt, now in the cache',
  build: 'built here, now in the cache',
} as const;

const HELP = `node sfu/worker/install.ts [--look]

Puts a mediasoup worker that runs on this machine where the sfu finds it, trying
in turn: MEDIASOUP_WORKER_BIN, the mediasoup package's worker/out/Release, the
cache, the upstream prebuilt, and a build from the package's source with
Debian's libraries (as root, missing Debian packages are installed).

  --look   only say which worker is there; exit 1 when there is none
  --help   this text

  MEDIASOUP_WORKER_BIN   a worker to use, and no other
  CARILLON_CACHE_DIR     folder of the cache (default: XDG_CACHE_HOME, ~/.cache)
  MEDIASOUP_WORKER_PREBUILT_DOWNLOAD_BASE_URL   a mirror of the prebuilt workers
  JOBS                   compiler processes of the build (default: all cores)`;

async function main(args: readonly string[]): Promise<void> {
  if (args.includes('--help') || args.includes('-h')) {
    console.log(HELP);
    return;
  }
  if (args.includes('--look')) {
    const found = locateWorker();
    console.log(found ? `${found.path} (${WAYS[found.way]})` : 'no mediasoup worker that runs here');
    process.exitCode = found ? 0 : 1;
    return;
  }
  try {
    await ensureWorker({ log: (line) => console.error(line) });
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}

if (import.meta.main) await main(process.argv.slice(2));
