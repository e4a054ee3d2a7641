// One service as a child process: started, awaited, started again when it dies,
// and told to stop. It keeps the port it got first, so that whoever knows its
// address still finds it after a restart.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import type { Log, ServiceMessage } from '@carillon/service';

export interface ServiceProcessOptions {
  readonly name: string;
  /** Absolute path of the service's main.ts. */
  readonly main: string;
  /** Its configuration, whatever the host's says; the port variable is added. */
  readonly env: Readonly<Record<string, string>>;
  /** What holds where the host's configuration says nothing. */
  readonly defaults: Readonly<Record<string, string>>;
  /** Which variable takes the HTTP port. */
  readonly portVariable: string;
  readonly log: Log;
  /** Drops what the service prints. */
  readonly quiet: boolean;
  /** A service that is not ready by then has failed. Default 20 s. */
  readonly readyTimeoutMs?: number;
}

/** Delay before the n-th start in a row; a service that dies at once is not started in a tight loop. */
export function restartDelayMs(restartsInARow: number): number {
  return Math.min(10_000, 200 * 2 ** restartsInARow);
}

/** A service that ran this long was well: the next restart is quick again. */
const WELL_AFTER_MS = 30_000;
/** After SIGTERM; the services bound their own drain below this. */
const STOP_BOUND_MS = 12_000;

export class ServiceProcess {
  readonly #options: ServiceProcessOptions;
  #child: ChildProcess | undefined;
  #port = 0;
  #restartsInARow = 0;
  #restartTimer: NodeJS.Timeout | undefined;
  #stopping = false;

  constructor(options: ServiceProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Loopback port of its HTTP listener; 0 before the first start. */
  get port(): number {
    return this.#port;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Resolves when it is ready. @throws Error with the service's own words when it cannot start. */
  async start(): Promise<void> {
    const { name, main, env, defaults, portVariable, log } = this.#options;
    const child = fork(main, [], {
      env: { ...defaults, ...inheritedEnv(), ...env, [portVariable]: String(this.#port) },
      stdio: this.#options.quiet ? ['ignore', 'ignore', 'ignore', 'ipc'] : ['ignore', 'inherit', 'inherit', 'ipc'],
      execArgv: ['--disable-warning=ExperimentalWarning'],
    });
    this.#child = child;
    const startedAtMs = performance.now();
    const message = await this.#firstMessage(child);
    if (message.type === 'failed') {
      child.kill('SIGKILL');
      throw new Error(`${name}: ${message.words}`);
    }
    this.#port = message.port;
    child.once('exit', (code, signal) => {
      if (this.#stopping || this.#child !== child) return;
      if (performance.now() - startedAtMs > WELL_AFTER_MS) this.#restartsInARow = 0;
      const delayMs = restartDelayMs(this.#restartsInARow++);
      log.warn(`${name} ended unexpectedly, starting it again`, {
        code: code ?? undefined,
        signal: signal ?? undefined,
        delayMs,
      });
      this.#scheduleRestart(delayMs);
    });
  }

  #scheduleRestart(delayMs: number): void {
    this.#restartTimer = setTimeout(() => {
      this.start().catch((error: unknown) => {
        if (this.#stopping) return;
        this.#options.log.error(`${this.name} did not start`, {
          error: error instanceof Error ? error.message : String(error),
        });
        this.#scheduleRestart(restartDelayMs(this.#restartsInARow++));
      });
    }, delayMs);
  }

  #firstMessage(child: ChildProcess): Promise<ServiceMessage> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => settle({ type: 'failed', words: 'was not ready in time' }),
        this.#options.readyTimeoutMs ?? 20_000,
      );
      const onExit = (code: number | null) =>
        settle({ type: 'failed', words: `ended before it was ready (exit code ${code})` });
      // A host out of processes or memory must not end the supervisor: it is tried again.
      child.on('error', (error) => settle({ type: 'failed', words: error.message }));
      const settle = (message: ServiceMessage) => {
        clearTimeout(timer);
        child.off('exit', onExit);
        child.off('message', settle as (message: unknown) => void);
        resolve(message);
      };
      child.once('exit', onExit);
      child.once('message', settle as (message: unknown) => void);
    });
  }

  /** SIGTERM, then SIGKILL at the bound. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restartTimer);
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_BOUND_MS);
    child.kill('SIGTERM');
    await gone;
    clearTimeout(timer);
  }
}

/** What a service needs of the host; its configuration is given, never inherited by chance. */
function inheritedEnv(): Record<string, string> {
  const names = Object.keys(process.env).filter(
    (name) =>
      ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR', 'XDG_CACHE_HOME'].includes(name) ||
      /^(CARILLON_|MEDIASOUP_|FFMPEG_|FFPROBE_|NODE_)/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, process.env[name] ?? '']));
}
