// Builds the worker from the source inside the npm package with Debian's
// libraries: nothing is downloaded but missing Debian packages.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { workerFolder } from './locate.ts';

/** Lines of a failed command that are shown: enough for a compiler error, not the whole log. */
const FAILURE_LINES = 30;

export interface BuildOptions {
  readonly log: (line: string) => void;
  readonly onProgress: (done: number, total: number) => void;
}

export function debianPackages(): string[] {
  return readFileSync(path.join(workerFolder, 'packages.txt'), 'utf8').split(/\s+/).filter(Boolean);
}

/** Which of these are not installed; all of them where there is no dpkg. */
export function missingPackages(packages: readonly string[]): string[] {
  return packages.filter((name) => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder.
    const { status, stdout } = spawnSync('dpkg-query', ['-W', '-f=${Status}', name], { encoding: 'utf8' });
    return status !== 0 || !stdout.includes('install ok installed');
  });
}

export function aptLine(packages: readonly string[]): string {
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** `[12/263] Compiling ...` as ninja prints it, or undefined. */
export function ninjaProgress(line: string): { done: number; total: number } | undefined {
  const match = /^\[(\d+)\/(\d+)\] /.exec(line);
  return match ? { done: Number(match[1]), total: Number(match[2]) } : undefined;
}

/** @throws Error that says what to install or what failed. */
export async function buildWorker(mediasoupFolder: string, target: string, options: BuildOptions): Promise<void> {
  await installPackages(missingPackages(debianPackages()), options.log);
  options.log('building the mediasoup worker from source (about 12 CPU minutes)');
  await run('bash', [path.join(workerFolder, 'build.sh'), mediasoupFolder, target], {
    onLine: (line) => {
      const progress = ninjaProgress(line);
      if (progress) options.onProgress(progress.done, progress.total);
    },
  });
}

async function installPackages(missing: readonly string[], log: (line: string) => void): Promise<void> {
  if (missing.length === 0) return;
  const isDebian = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0;
  if (!isDebian || process.getuid?.() !== 0) {
    throw new Error(
      `the build needs packages that are not installed. ${isDebian ? 'Install them' : 'On Debian 12 or later'}:\n  ${aptLine(missing)}`,
    );
  }
  log(`installing Debian packages for the build: ${missing.join(' ')}`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-qq'], { env });
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...missing], { env });
}

function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; onLine?: (line: string) => void },
): Promise<void> {
  const child = spawn(command, args, { env: options.env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const last: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      last.push(line);
      if (last.length > FAILURE_LINES) last.shift();
      options.onLine?.(line);
    });
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`${command} ${args[0] ?? ''} failed (${signal ?? status}):\n${last.join('\n')}`));
    });
  });
}
