// Programs that come from the system: found on PATH, else installed by apt
// where we may, else said plainly.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export interface SystemProgram {
  /** What it is for, in words. */
  readonly purpose: string;
  readonly programs: readonly string[];
  readonly packages: readonly string[];
}

export const FFMPEG: SystemProgram = {
  purpose: 'videos and voice notes, and test media',
  programs: ['ffmpeg', 'ffprobe'],
  packages: ['ffmpeg'],
};

export const CHROMIUM: SystemProgram = {
  purpose: 'the browser tests',
  programs: ['chromium'],
  packages: ['chromium', 'fonts-dejavu-core'],
};

export const REDIS: SystemProgram = {
  purpose: 'the tests of many nodes',
  programs: ['redis-server', 'redis-cli'],
  packages: ['redis-server'],
};

export const NETWORKS: SystemProgram = {
  purpose: 'the tests in networks of their own',
  programs: ['ip', 'nft', 'conntrack', 'socat'],
  packages: ['iproute2', 'nftables', 'conntrack', 'socat'],
};

/** Absolute path of a program on PATH. */
export function findProgram(name: string): string | undefined {
  for (const folder of (process.env.PATH ?? '').split(path.delimiter)) {
    const file = path.join(folder, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

export function missingPrograms(program: SystemProgram): string[] {
  return program.programs.filter((name) => findProgram(name) === undefined);
}

export function installLine(program: SystemProgram): string {
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${program.packages.join(' ')}`;
}

/** @throws Error that says what to install when it is missing and cannot be installed from here. */
export async function ensureProgram(program: SystemProgram, say: (words: string) => void): Promise<void> {
  const missing = missingPrograms(program);
  if (missing.length === 0) return;
  const words = `${missing.join(' and ')} (for ${program.purpose})`;
  const mayInstall = process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
  if (!mayInstall) throw new Error(`${words} is missing. Install it with:\n  ${installLine(program)}`);
  say(`Installing ${words} from the system's packages; this can take some minutes…`);
  await apt(['update']);
  await apt(['install', '-y', '--no-install-recommends', ...program.packages]);
  const still = missingPrograms(program);
  if (still.length > 0)
    throw new Error(`${still.join(' and ')} is still missing. Install it with:\n  ${installLine(program)}`);
}

async function apt(args: readonly string[]): Promise<void> {
  const child = spawn('apt-get', ['-q', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => {
      said = (said + data.toString()).slice(-4_000);
    });
  }
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve).on('error', () => resolve(1)));
  if (code !== 0) throw new Error(`apt-get ${args[0]} failed:\n${said.trim()}`);
}

/** First line of `program --version`-like output. */
export function versionOf(program: string, flag: string): string | undefined {
  const result = spawnSync(program, [flag], { encoding: 'utf8', timeout: 10_000 });
  return result.status === 0 ? result.stdout.split('\n')[0]?.trim() : undefined;
}
