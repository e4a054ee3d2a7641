// A real redis-server on a free port and a folder of its own, to be killed and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Where `t.after` is: of one test, or of a file by `after`. */
export interface Cleanup {
  after(end: () => Promise<void>): void;
}

export class RedisServer {
  readonly port: number;
  readonly #dir: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(port: number, dir: string, args: readonly string[]) {
    this.port = port;
    this.#dir = dir;
    this.#args = args;
  }

  /** With an append-only file that is synced with every write, unless `args` say otherwise. */
  static async start(t: Cleanup, args: readonly string[] = [], port?: number): Promise<RedisServer> {
    const dir = await mkdtemp(path.join(tmpdir(), 'carillon-redis-'));
    const server = new RedisServer(port ?? (await freePort()), dir, args);
    t.after(async () => {
      await server.kill();
      await rm(dir, { recursive: true, force: true });
    });
    await server.start();
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Again, on the same port and data. */
  async start(): Promise<void> {
    const fixed = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#dir, '--save', ''];
    const child = spawn('redis-server', [...fixed, '--appendonly', 'yes', '--appendfsync', 'always', ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#child = child;
    const lines = createInterface({ input: child.stdout! });
    let said = '';
    for await (const line of lines) {
      said += `${line}\n`;
      if (line.includes('Ready to accept connections')) {
        child.stdout!.resume();
        return;
      }
    }
    throw new Error(`redis-server did not start:\n${said}`);
  }

  /** Kill -9: what was not on disk is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  if (address === null || typeof address === 'string') throw new Error('There is no free port.');
  return address.port;
}
