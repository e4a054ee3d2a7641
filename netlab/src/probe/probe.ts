// A small program with plain sockets inside a namespace, at the call of a test.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Namespace } from '../io/namespace.ts';
import type { Endpoint, ProbeReply, ProbeRequest, Trip, TripsWanted } from './messages.ts';

const MAIN = path.join(import.meta.dirname, 'probeMain.ts');

export class Probe {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;

  constructor(namespace: Namespace) {
    this.#child = namespace.spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#child.on('message', ({ id, value, failed }: ProbeReply) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (failed === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(failed));
    });
    this.#child.once('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the probe has ended'));
    });
  }

  /** Answers every datagram and every connection with the endpoint that it sees; 0 takes a free port. */
  serve(address: string, port = 0): Promise<number> {
    return this.#request({ do: 'serve', address, port });
  }

  /** Opens a UDP socket. Returns its port, by which it is named. */
  bind(port = 0): Promise<number> {
    return this.#request({ do: 'bind', port });
  }

  /** The endpoint as which a served one sees this socket; undefined when nothing comes back. */
  ask(port: number, to: Endpoint): Promise<string | undefined> {
    return this.#request({ do: 'ask', port, to });
  }

  say(port: number, to: Endpoint, text: string): Promise<void> {
    return this.#request({ do: 'say', port, to, text });
  }

  async hears(port: number, text: string): Promise<boolean> {
    return (await this.#request({ do: 'hears', port, text })) === text;
  }

  /** By TCP; the endpoint as which the served one sees it, or undefined when there is no way. */
  dial(to: Endpoint): Promise<string | undefined> {
    return this.#request({ do: 'dial', to });
  }

  trips(wanted: TripsWanted): Promise<Trip[]> {
    return this.#request({ do: 'trips', ...wanted });
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #request<T>(request: ProbeRequest): Promise<T> {
    const id = ++this.#lastId;
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(id, { resolve: (value) => resolve(value as T), reject });
      this.#child.send({ id, ...request });
    });
  }
}
