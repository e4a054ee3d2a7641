// The relays that are measured, each as a process of its own: ours and coturn.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { freeUdpPort } from '@carillon/service/testing';

export const SECRET = 'the secret of a benchmark';
export const REALM = 'carillon';
/** Linux counts CPU time in these, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export interface TurnServer {
  readonly name: string;
  readonly port: number;
  /** CPU seconds used so far, of all its threads, in user and kernel mode. */
  cpuSeconds(): number;
  /** Memory held, of all its processes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

/** UDP ports of its workers: the first is its own. */
export async function startCarillonTurn(workers = 1): Promise<TurnServer> {
  const port = await freeUdpPort();
  const env = {
    PATH: process.env.PATH ?? '',
    CARILLON_TURN_SECRET: SECRET,
    CARILLON_TURN_LISTEN: '127.0.0.1',
    CARILLON_TURN_PORT: String(port),
    CARILLON_TURN_TCP_PORT: '0',
    CARILLON_TURN_WORKERS: String(workers),
    CARILLON_TURN_ALLOW_PEERS: '127.0.0.0/8',
    CARILLON_TURN_HTTP_PORT: '0',
    // What is measured is the path, not the quotas and limits.
    CARILLON_TURN_UNPROVEN_PER_SECOND: '1000000',
    CARILLON_TURN_USER_MBIT: '100000',
    CARILLON_TURN_USER_PACKETS: '100000000',
    CARILLON_TURN_DRAIN_SECONDS: '0',
  };
  const main = fileURLToPath(import.meta.resolve('@carillon/turn').replace('index.ts', 'main.ts'));
  return running('Carillon', port, spawn(process.execPath, [main], { env, stdio: 'ignore' }));
}

/** Undefined where coturn is not installed. */
export async function startCoturn(): Promise<TurnServer | undefined> {
  if (spawnSync('turnserver', ['--version']).error) return undefined;
  const port = await freeUdpPort();
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-coturn-'));
  const flags = '-n --no-tls --no-dtls --no-tcp --no-cli --allow-loopback-peers --use-auth-secret --no-stdout-log';
  const values = ['-L', '127.0.0.1', '-E', '127.0.0.1', '-p', String(port), '-r', REALM];
  const files = ['--pidfile', path.join(dir, 'pid'), '--userdb', path.join(dir, 'db'), '-l', path.join(dir, 'log')];
  const args = [...flags.split(' '), ...values, ...files, '--static-auth-secret', SECRET];
  const server = await running('coturn', port, spawn('turnserver', args, { cwd: dir, stdio: 'ignore' }));
  return {
    ...server,
    stop: async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function running(name: string, port: number, child: ChildProcess): Promise<TurnServer> {
  const ended = once(child, 'exit');
  const stop = async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 3_000);
    await ended;
    clearTimeout(late);
  };
  try {
    await answers(port);
  } catch (error) {
    await stop();
    throw new Error(`${name} does not answer`, { cause: error });
  }
  const sum = (of: (pid: string) => number) => processesOf(String(child.pid)).reduce((all, pid) => all + of(pid), 0);
  return { name, port, cpuSeconds: () => sum(cpuSecondsOf), residentBytes: () => sum(residentBytesOf), stop };
}

/** With its children: workers are processes. */
function processesOf(pid: string): string[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return [pid, ...(children === '' ? [] : children.split(' '))];
}

function cpuSecondsOf(pid: string): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentBytesOf(pid: string): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
}

/** Resolves when a Binding request gets its reply. @throws Error after 10 s */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4');
  const request = Buffer.alloc(20);
  request.writeUInt16BE(1, 0);
  request.writeUInt32BE(0x2112a442, 4);
  const ask = setInterval(() => socket.send(request, port, '127.0.0.1'), 50);
  try {
    await once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
  } finally {
    clearInterval(ask);
    socket.close();
  }
}
