// A program with everything that it starts, in a process group of its own: a
// signal to us ends all of it, and nothing is left running when we end.
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { constants } from 'node:os';

/** Time to clean up after itself. Longer: whoever pressed Ctrl-C waits longer for what hangs. */
const GRACE_MS = 5_000;
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export interface ProcessTree {
  readonly child: ChildProcess;
  /** Its exit code; 1 when a signal of somebody else's ended it. A signal of ours ends this process. */
  readonly ended: Promise<number>;
}

export interface TreeOptions extends SpawnOptions {
  /** Killed when its piped stdout says nothing for so long: it would never end by itself. */
  readonly silentMs?: number;
  /** Before that; `running`: what of it is still there, as ps(1) shows it. */
  readonly onSilent?: (running: string) => void;
}

/** A group of its own cannot read the terminal: `stdin` is not passed on. @throws in `ended`, when it does not start */
export function startTree(
  program: string,
  args: readonly string[],
  { silentMs, onSilent, ...options }: TreeOptions,
): ProcessTree {
  const child = spawn(program, args, { ...options, detached: true });
  const killAll = (signal: NodeJS.Signals) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Nobody is left in the group.
    }
  };
  let asked: NodeJS.Signals | undefined;
  const end = (signal: NodeJS.Signals) => {
    // A terminal, npm and a parent may each pass the same signal on.
    if (asked) return;
    asked = signal;
    killAll(signal);
    setTimeout(() => killAll('SIGKILL'), GRACE_MS).unref();
  };
  const killRest = () => killAll('SIGKILL');
  const silence = silentMs
    ? setTimeout(() => {
        const columns = ['-o', 'pid,ppid,stat,etime,time,args'];
        onSilent?.(spawnSync('ps', ['-ww', '-g', String(child.pid), ...columns], { encoding: 'utf8' }).stdout ?? '');
        killRest();
      }, silentMs)
    : undefined;
  child.stdout?.on('data', () => silence?.refresh());
  for (const signal of ENDING) process.on(signal, end);
  process.on('exit', killRest);
  const ended = new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  }).finally(() => {
    clearTimeout(silence);
    killRest();
    if (asked) process.exit(128 + constants.signals[asked]);
    for (const signal of ENDING) process.off(signal, end);
    process.off('exit', killRest);
  });
  return { child, ended };
}
