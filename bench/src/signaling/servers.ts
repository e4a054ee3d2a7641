// The servers that are measured, each a process of its own.
import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ServiceMessage } from '@carillon/service';
import { accepts, freePort } from '@carillon/service/testing';
import { startRedisEngine } from '../messaging/redisEngine.ts';
import type { Issuer } from './issuer.ts';
import type { ServerKind } from './loadProcess.ts';

export interface SignalingServer {
  readonly name: string;
  readonly kind: ServerKind;
  readonly url: string;
  /** Its own process, and then others that it needs. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

export type Start = (issuer: Issuer) => Promise<SignalingServer | undefined>;

/** What is measured is the path, not the limits on one account. */
const LIMITS_LIFTED = {
  CARILLON_SIGNALING_CREATES_PER_MINUTE: '1000000',
  CARILLON_SIGNALING_CALLS_MAX: '1000000',
};

export const startCarillon: Start = (issuer) => carillon('Carillon', issuer, {}, []);

/** Undefined where redis-server is not installed. */
export const startCarillonOnRedis: Start = async (issuer) => {
  const engine = await startRedisEngine();
  if (!engine) return undefined;
  const server = await carillon('Carillon on Redis', issuer, engine.env, engine.pids);
  return {
    ...server,
    stop: async () => {
      await server.stop();
      await engine.stop();
    },
  };
};

async function carillon(
  name: string,
  issuer: Issuer,
  env: Readonly<Record<string, string>>,
  pids: readonly number[],
): Promise<SignalingServer> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'carillon-bench-signaling-'));
  const main = fileURLToPath(import.meta.resolve('@carillon/signaling').replace('index.ts', 'main.ts'));
  const own = { CARILLON_SIGNALING_PORT: '0', CARILLON_DATA_DIR: dataDir, CARILLON_MESSAGING_URL: issuer.url };
  const { child, port } = await forked(main, { ...own, ...LIMITS_LIFTED, ...env });
  return {
    ...{ name, kind: 'carillon', url: `http://127.0.0.1:${port}`, pids: [child.pid!, ...pids] },
    stop: async () => {
      await ended(child, 'SIGTERM');
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

export const startBareRelay: Start = async () => {
  const { child, port } = await forked(fileURLToPath(new URL('./bareRelay.ts', import.meta.url)), {});
  const url = `http://127.0.0.1:${port}`;
  return { name: 'bare ws', kind: 'bare', url, pids: [child.pid!], stop: () => ended(child, 'SIGKILL') };
};

async function forked(file: string, env: Readonly<Record<string, string>>) {
  const child = fork(file, [], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [message] = (await once(child, 'message')) as [ServiceMessage];
  if (message.type === 'failed') throw new Error(message.words);
  return { child, port: message.port };
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

const PEER_JS = 'peer@1.0.2';
let peerJsDir: string | undefined;

/** Fetched for the run, as nothing else here needs it or its hundred packages. */
function fetchPeerJs(): string | undefined {
  if (peerJsDir !== undefined) return peerJsDir;
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-bench-peerjs-'));
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
  const { status } = spawnSync('npm', ['install', '--prefix', dir, ...flags, PEER_JS], { timeout: 120_000 });
  if (status === 0) peerJsDir = dir;
  return peerJsDir;
}

/**
 * PeerServer (MIT), the signaling of PeerJS: it hands messages to whom they name
 * and knows of no calls. Undefined where no registry is reached.
 */
export const startPeerJs: Start = async () => {
  const dir = fetchPeerJs();
  if (dir === undefined) return undefined;
  const port = await freePort();
  const bin = path.join(dir, 'node_modules/peer/dist/bin/peerjs.js');
  const args = ['--port', String(port), '--host', '127.0.0.1', '--concurrent_limit', '100000'];
  const child = spawn(process.execPath, [bin, ...args], { cwd: dir, stdio: 'ignore' });
  for (let tries = 0; !(await accepts(port)); tries++) {
    if (tries > 200) throw new Error('PeerServer does not answer');
    await sleep(50);
  }
  const url = `http://127.0.0.1:${port}`;
  return { name: 'PeerServer', kind: 'peerjs', url, pids: [child.pid!], stop: () => ended(child, 'SIGKILL') };
};
