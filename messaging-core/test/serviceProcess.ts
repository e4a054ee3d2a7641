// messaging-core as a process of its own, to be killed.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { ServiceMessage } from '@carillon/service';
import type { TestServer } from './testDevice.ts';
import { TEST_ENV } from './testServer.ts';

const MAIN = path.join(import.meta.dirname, '../src/main.ts');

export interface ServiceProcess extends TestServer {
  readonly stdout: () => string;
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
}

export async function startProcess(
  t: TestContext,
  dataDir: string,
  env: Record<string, string> = {},
): Promise<ServiceProcess> {
  const codeFile = path.join(dataDir, 'codes.txt');
  const child: ChildProcess = fork(MAIN, [], {
    env: { ...TEST_ENV, PATH: process.env.PATH, CARILLON_DATA_DIR: dataDir, CARILLON_VERIFIER_FILE: codeFile, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (chunk) => {
    stdout += String(chunk);
  });
  child.stderr!.on('data', (chunk) => {
    stderr += String(chunk);
  });
  const exited = once(child, 'exit');
  const kill = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal);
    await exited;
  };
  t.after(() => kill('SIGKILL'));
  const message = await Promise.race([
    once(child, 'message').then(([first]) => first as ServiceMessage),
    exited.then((): ServiceMessage => ({ type: 'failed', words: stderr })),
  ]);
  if (message.type === 'failed') throw new Error(message.words);
  return {
    url: `http://127.0.0.1:${message.port}`,
    stdout: () => stdout,
    codeFor: (handle) => {
      const lines = readFileSync(codeFile, 'utf8').trim().split('\n');
      return lines.findLast((line) => line.startsWith(`${handle} `))!.split(' ')[1]!;
    },
    kill,
  };
}
