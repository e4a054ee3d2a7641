// One network namespace: a host of the laboratory. Its name carries the pid of
// the process that made it, so that what a killed process left can be told and
// taken away by the next one.
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './command.ts';

const NAME = /^cnl(\d+)-/;
/** `ip netns exec NAME` shows a process the files below NAME as those of /etc. */
const ETC = '/etc/netns';

export class Namespace {
  readonly name: string;

  /** @param label what it is in the laboratory; unique in this process */
  constructor(label: string) {
    this.name = `cnl${process.pid}-${label}`;
    run('ip', ['netns', 'add', this.name]);
    mkdirSync(path.join(ETC, this.name), { recursive: true });
    // Nobody answers names here; a resolver of the machine outside would only be waited for.
    writeFileSync(path.join(ETC, this.name, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    this.sysctl({
      'net.ipv6.conf.all.disable_ipv6': 1,
      'net.ipv6.conf.default.disable_ipv6': 1,
      'net.ipv4.ping_group_range': '0 2147483647',
    });
    this.ip(['link set lo up']);
  }

  /** Commands of `ip`, in one batch. */
  ip(commands: readonly string[]): void {
    run('ip', ['-netns', this.name, '-batch', '-'], `${commands.join('\n')}\n`);
  }

  sysctl(values: Readonly<Record<string, string | number>>): void {
    this.run('sysctl', ['-q', '-w', ...Object.entries(values).map(([name, value]) => `${name}=${value}`)]);
  }

  run(program: string, args: readonly string[], input?: string): string {
    return run('ip', ['netns', 'exec', this.name, program, ...args], input);
  }

  spawn(program: string, args: readonly string[], options: SpawnOptions): ChildProcess {
    // The kernel ends it when this process ends, however that happens.
    const command = ['netns', 'exec', this.name, 'setpriv', '--pdeathsig', 'KILL', program, ...args];
    return spawn('ip', command, options);
  }

  /** Ends what still runs in it, and takes it away. */
  remove(): void {
    removeNamespace(this.name);
  }
}

/** Of processes that are no more: killed ones could not clean up. */
export function removeStaleNamespaces(): void {
  for (const line of run('ip', ['netns', 'list']).split('\n')) {
    const name = line.split(' ')[0] ?? '';
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeNamespace(name);
  }
  if (!existsSync(ETC)) return;
  for (const name of readdirSync(ETC)) {
    const pid = NAME.exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeEtc(name);
  }
}

function removeNamespace(name: string): void {
  removeEtc(name);
  try {
    for (const pid of run('ip', ['netns', 'pids', name]).split('\n').filter(Boolean)) kill(Number(pid));
    run('ip', ['netns', 'del', name]);
  } catch {
    // It is gone already.
  }
}

function removeEtc(name: string): void {
  rmSync(path.join(ETC, name), { recursive: true, force: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}
