// System programs, run to their end. Synchronous: a laboratory is built and
// taken away step by step, the latter also while the process is ending.
import { spawnSync } from 'node:child_process';

/** `ip` answers within milliseconds; one that does not never will. */
const BOUND_MS = 10_000;

/** @throws Error with the program's own words */
export function run(program: string, args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', input, timeout: BOUND_MS });
  if (error) throw new Error(`${program}: ${error.message}`, { cause: error });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${(stderr || stdout).trim()}`);
  return stdout;
}
