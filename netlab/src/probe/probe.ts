// A small program with plain sockets inside a namespace, at the call of a test.
import path from 'node:path';
import { Controlled } from '../io/controlled.ts';
import type { Namespace } from '../io/namespace.ts';
import type { Endpoint, ProbeReply, ProbeRequest, Trip, TripsWanted } from './messages.ts';

const MAIN = path.join(import.meta.dirname, 'probeMain.ts');

export class Probe {
  readonly #process: Controlled<ProbeRequest, ProbeReply>;

  constructor(namespace: Namespace) {
    this.#process = new Controlled(namespace, 'the probe', MAIN);
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

  close(): void {
    this.#process.end();
  }

  async #request<T>(request: ProbeRequest): Promise<T> {
    return (await this.#process.request(request)).value as T;
  }
}
