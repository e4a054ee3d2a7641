// A device that is started, killed and started again on the same store.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Command } from './clientProcess.ts';

const FILE = fileURLToPath(new URL('./clientProcess.ts', import.meta.url));

export class HistoryClient {
  readonly name: string;
  readonly account: string;
  readonly #storeFile: string;
  readonly #baseUrl: string;
  #child: ChildProcess | undefined;
  #lastId = 0;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();

  constructor(options: { name: string; account: string; storeFile: string; baseUrl: string }) {
    this.name = options.name;
    this.account = options.account;
    this.#storeFile = options.storeFile;
    this.#baseUrl = options.baseUrl;
  }

  get isAlive(): boolean {
    return this.#child !== undefined;
  }

  async start(): Promise<void> {
    if (this.#child) return;
    const child = fork(FILE, [this.#storeFile, this.#baseUrl], {
      execArgv: ['--disable-warning=ExperimentalWarning'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    // A command on its way to one that was killed; its end is told by `exit`.
    child.on('error', () => {});
    child.on('exit', () => {
      if (this.#child === child) this.#child = undefined;
      for (const { reject } of this.#waiting.values()) reject(new Error(`${this.name} is gone`));
      this.#waiting.clear();
    });
    const ready = new Promise<unknown>((resolve, reject) => this.#waiting.set(0, { resolve, reject }));
    child.on('message', ({ id, value, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(`${this.name}: ${error}`));
    });
    await ready;
  }

  /** @throws Error when the device refuses or is killed meanwhile */
  async ask<T>(command: Command): Promise<T> {
    const child = this.#child;
    if (!child?.connected) throw new Error(`${this.name} is gone`);
    const id = ++this.#lastId;
    const answered = new Promise<unknown>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    child.send({ id, command });
    return (await answered) as T;
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }
}
