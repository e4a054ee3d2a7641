// Workers, each a process with a UDP port of its own, so that a client's packets
// always reach the one that holds its allocation; connections over TCP and TLS
// are accepted here and handed to them in turn. A worker that dies takes its own
// allocations with it, and is started again on its port.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { TurnConfig } from '../config.ts';
import type { ListenerPorts, RelayOptions, RelayPorts, RelayStats } from './relayOptions.ts';
import { addStats, countsOf, NO_STATS } from './relayStats.ts';
import type { FromWorker, ToWorker } from './workerMessages.ts';

/** A worker that is not ready by then has failed. */
const READY_MS = 20_000;
/** What the end of a worker takes beyond the drain of its calls. */
const STOP_MARGIN_MS = 1_000;
const RESTART_FIRST_MS = 200;
/** A worker that dies at once is not started in a tight loop. */
const RESTART_MAX_MS = 10_000;
/** One that ran this long was well: the next restart is quick again. */
const WELL_AFTER_MS = 30_000;

/** Connections on their way to a worker that has not taken them yet; what more come in meanwhile is closed. */
const HANDED_OVER_MAX = 256;

interface Worker {
  readonly index: number;
  child: ChildProcess | undefined;
  ready: boolean;
  /** Its UDP port: asked for, and after the first start the one it had. */
  port: number;
  ports: RelayPorts | undefined;
  restarts: number;
  startedAtMs: number;
  stats: RelayStats;
  readonly handedOver: Set<Socket>;
}

export class WorkerPool {
  readonly #config: TurnConfig;
  readonly #options: RelayOptions;
  readonly #workers: Worker[];
  readonly #servers: Server[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  /** What workers that have ended had counted. */
  #ended: RelayStats = NO_STATS;
  #next = 0;
  #stopping = false;

  constructor(config: TurnConfig, options: RelayOptions) {
    this.#config = config;
    this.#options = options;
    this.#workers = Array.from({ length: config.CARILLON_TURN_WORKERS }, (_, index) => ({
      ...{
        index,
        child: undefined,
        ready: false,
        ports: undefined,
        restarts: 0,
        startedAtMs: 0,
        stats: NO_STATS,
        handedOver: new Set<Socket>(),
      },
      port: options.port === 0 ? 0 : options.port + index,
    }));
  }

  /** Resolves with the first worker's UDP port and the ports of all for connections. @throws Error when one is taken */
  async start(): Promise<RelayPorts> {
    try {
      await Promise.all(this.#workers.map((worker) => this.#fork(worker)));
      const { listen, ipv6 } = this.#options;
      const [first] = this.#workers;
      const ports = await this.#accept(listen, first?.ports?.udp ?? 0);
      if (!ipv6) return ports;
      return { ...ports, ipv6: await this.#accept(ipv6.listen, first?.ports?.ipv6?.udp ?? 0) };
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Of each worker, in order. */
  get udpPorts(): number[] {
    return this.#workers.map(({ port }) => port);
  }

  get pids(): number[] {
    return this.#workers.flatMap(({ child }) => child?.pid ?? []);
  }

  /** Half a second old at most. */
  get stats(): RelayStats {
    return this.#workers.reduce((sum, { stats }) => addStats(sum, stats), this.#ended);
  }

  problems(): string[] {
    return this.#workers.filter(({ ready }) => !ready).map(({ index }) => `relay worker ${index + 1} is not running`);
  }

  /** Each worker drains its calls, within the bound. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const closed = this.#servers.map((server) => new Promise((resolve) => server.close(resolve)));
    await Promise.all([...closed, ...this.#workers.map(({ child }) => child && this.#end(child))]);
  }

  async #end(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), this.#options.drainMs + STOP_MARGIN_MS);
    send(child, { type: 'stop' });
    await gone;
    clearTimeout(timer);
  }

  async #fork(worker: Worker): Promise<void> {
    const file = fileURLToPath(import.meta.resolve('./relayWorker.ts'));
    const child = fork(file, [], { execArgv: ['--disable-warning=ExperimentalWarning'] });
    worker.child = child;
    worker.startedAtMs = performance.now();
    worker.ready = false;
    const ready = new Promise<RelayPorts>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('a relay worker was not ready in time')), READY_MS);
      child.on('message', (message: FromWorker) => {
        if (message.type === 'stats') worker.stats = message.stats;
        if (message.type === 'ready') resolve(message.ports);
        if (message.type === 'failed') reject(new Error(message.words));
        if (message.type !== 'stats') clearTimeout(timer);
      });
      // A host out of processes or memory: the start fails, or is tried again.
      child.on('error', reject);
      child.once('exit', () => {
        clearTimeout(timer);
        reject(new Error('a relay worker ended before it was ready'));
        this.#hasEnded(worker);
      });
    });
    send(child, { type: 'start', config: this.#config, port: worker.port });
    try {
      worker.ports = await ready;
    } catch (error) {
      child.kill('SIGKILL');
      // One that could not even be made has no exit to be heard of.
      if (child.pid === undefined) this.#hasEnded(worker);
      throw error;
    }
    worker.port = worker.ports.udp;
    worker.ready = true;
  }

  #hasEnded(worker: Worker): void {
    this.#ended = addStats(this.#ended, countsOf(worker.stats));
    worker.stats = NO_STATS;
    worker.ready = false;
    // What waited for its turn is not told that nobody takes it any more.
    for (const socket of worker.handedOver) socket.destroy();
    worker.handedOver.clear();
    // Before the first start is whole, whoever started it is told instead.
    if (this.#stopping || worker.ports === undefined) return;
    if (performance.now() - worker.startedAtMs > WELL_AFTER_MS) worker.restarts = 0;
    const delayMs = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** worker.restarts++);
    this.#options.log.warn('a relay worker ended, starting it again', { worker: worker.index + 1, delayMs });
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.#fork(worker).catch((error: Error) => {
        this.#options.log.error('a relay worker did not start', { error: error.message });
      });
    }, delayMs);
    this.#timers.add(timer);
  }

  async #accept(host: string, udp: number): Promise<ListenerPorts> {
    const { tcpPort, tls } = this.#options;
    return {
      udp,
      tcp: tcpPort === undefined ? undefined : await this.#listen('tcp', host, tcpPort),
      tls: tls && (await this.#listen('tls', host, tls.port)),
    };
  }

  #listen(over: 'tcp' | 'tls', host: string, port: number): Promise<number> {
    const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => this.#handOver(over, socket));
    this.#servers.push(server);
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port, host, ipv6Only: true }, () => {
        server.off('error', reject);
        server.on('error', () => {});
        const address = server.address();
        resolve(typeof address === 'object' && address ? address.port : port);
      });
    });
  }

  #handOver(over: 'tcp' | 'tls', socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const ready = this.#workers.filter((worker) => worker.ready && worker.child?.connected);
    const worker = ready[this.#next++ % Math.max(1, ready.length)];
    if (!worker?.child || worker.handedOver.size >= HANDED_OVER_MAX) {
      socket.destroy();
      return;
    }
    worker.handedOver.add(socket);
    worker.child.send({ type: 'stream', over } satisfies ToWorker, socket, (error) => {
      worker.handedOver.delete(socket);
      if (error) socket.destroy();
    });
  }
}

function send(child: ChildProcess, message: ToWorker): void {
  // One that has just died is heard of by its exit.
  if (child.connected) child.send(message, () => {});
}
