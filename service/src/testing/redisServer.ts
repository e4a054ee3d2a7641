// A real redis-server on a free port and a folder of its own, to be killed and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { freePort } from './ports.ts';

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

  /**
   * Until `stop`. With an append-only file that is synced with every write, unless `args` say otherwise.
   * @throws Error when there is no redis-server or it does not start
   */
  static async run(args: readonly string[] = [], port?: number): Promise<RedisServer> {
    const dir = await mkdtemp(path.join(tmpdir(), 'carillon-redis-'));
    const server = new RedisServer(port ?? (await freePort()), dir, args);
    try {
      await server.start();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** `run`, stopped when the test is over. */
  static async start(t: Cleanup, args: readonly string[] = [], port?: number): Promise<RedisServer> {
    const server = await RedisServer.run(args, port);
    t.after(() => server.stop());
    return server;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Undefined while it is killed. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Again, on the same port and data; nothing happens while it runs. */
  async start(): Promise<void> {
    if (this.#child) return;
    const fixed = ['--port', `${this.port}`, '--bind', '127.0.0.1', '--dir', this.#dir, '--save', ''];
    const child = spawn('redis-server', [...fixed, '--appendonly', 'yes', '--appendfsync', 'always', ...this.#args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child, 'spawn');
    this.#child = child;
    const lines = createInterface({ input: child.stdout });
    let said = '';
    for await (const line of lines) {
      said += `${line}\n`;
      if (line.includes('Ready to accept connections')) {
        child.stdout.resume();
        return;
      }
    }
    throw new Error(`redis-server did not start:\n${said}`);
  }

  /** As if the network to it were gone, until the returned function is called. */
  pause(): () => void {
    const child = this.#child;
    child?.kill('SIGSTOP');
    return () => child?.kill('SIGCONT');
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

  /** For good, with its data. */
  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#dir, { recursive: true, force: true });
  }
}
