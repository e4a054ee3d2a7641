// The servers of a run: messaging nodes, on a Redis or on the embedded store,
// behind one address that hands each connection to some node that lives.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceMessage } from '@carillon/service';
import { RedisServer } from '@carillon/service/testing';
import { pick, type Random } from './random.ts';

const MAIN = fileURLToPath(import.meta.resolve('@carillon/messaging-core').replace('index.ts', 'main.ts'));

export interface ServersOptions {
  readonly dir: string;
  readonly nodes: number;
  readonly redis: boolean;
  readonly random: Random;
}

interface MessagingNode {
  readonly child: ChildProcess;
  readonly port: number;
}

export class Servers {
  readonly #options: ServersOptions;
  readonly #nodes: (MessagingNode | undefined)[];
  readonly #sockets = new Set<Socket>();
  readonly #front: Server;
  #redis: RedisServer | undefined;

  private constructor(options: ServersOptions) {
    this.#options = options;
    this.#nodes = Array.from({ length: options.nodes });
    this.#front = createServer((socket) => this.#onConnection(socket));
  }

  static async start(options: ServersOptions): Promise<Servers> {
    const servers = new Servers(options);
    servers.#front.listen(0, '127.0.0.1');
    await once(servers.#front, 'listening');
    if (options.redis) servers.#redis = await RedisServer.run();
    for (let index = 0; index < options.nodes; index++) await servers.startNode(index);
    return servers;
  }

  get url(): string {
    return `http://127.0.0.1:${portOf(this.#front)}`;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  codeFor(handle: string): string {
    const file = path.join(this.#options.dir, 'codes');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : [];
    return lines.findLast((line) => line.startsWith(`${handle} `))?.split(' ')[1] ?? '';
  }

  async startNode(index: number): Promise<void> {
    if (this.#nodes[index]) return;
    const { dir } = this.#options;
    const child = fork(MAIN, [], {
      env: {
        PATH: process.env.PATH,
        CARILLON_MESSAGING_PORT: '0',
        CARILLON_DATA_DIR: path.join(dir, `node${index}`),
        CARILLON_VERIFIER_FILE: path.join(dir, 'codes'),
        CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: '10000',
        CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: '10000',
        ...(this.#redis ? { CARILLON_REDIS_URL: this.#redis.url } : {}),
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    const message = await Promise.race([
      once(child, 'message').then(([first]) => first as ServiceMessage),
      once(child, 'exit').then((): ServiceMessage => ({ type: 'failed', words: 'it ended before it was ready' })),
    ]);
    if (message.type === 'failed') throw new Error(`messaging-core could not start: ${message.words}`);
    const node = { child, port: message.port };
    this.#nodes[index] = node;
    child.on('exit', () => {
      if (this.#nodes[index] === node) this.#nodes[index] = undefined;
    });
  }

  async killNode(index: number): Promise<void> {
    await killed(this.#nodes[index]?.child);
    this.#nodes[index] = undefined;
  }

  async startRedis(): Promise<void> {
    await this.#redis?.start();
  }

  async killRedis(): Promise<void> {
    await this.#redis?.kill();
  }

  /** Every connection breaks; nothing is killed. */
  cutConnections(): void {
    // Not resetAndDestroy: of a socket whose end is under way it leaves the handle open for ever, and the process,
    // when it has nothing left to do, turns in a loop instead of ending.
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cutConnections();
    this.#front.close();
    for (let index = 0; index < this.#nodes.length; index++) await this.killNode(index);
    await this.#redis?.stop();
  }

  #onConnection(socket: Socket): void {
    const alive = this.#nodes.filter((node) => node !== undefined);
    if (alive.length === 0) {
      socket.destroy();
      return;
    }
    const upstream = connect(pick(this.#options.random, alive).port, '127.0.0.1');
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(one);
      one.pipe(other);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
  }
}

async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}
