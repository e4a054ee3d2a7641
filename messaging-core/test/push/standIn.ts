// A push service of the test's own: HTTP/2 with TLS on loopback, with a
// certificate made at that moment. It answers by its rules, notes everything
// that breaks one, and fails in the ways a test asks for.
import { once } from 'node:events';
import {
  createSecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { generate } from 'selfsigned';

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly atMs: number;
  /** Which of the client's connections it came on, from 1. */
  readonly connection: number;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export type Fault =
  | ({ readonly type: 'answer' } & Answer)
  /** The connection is to be left; this request and what came later was not looked at. */
  | { readonly type: 'goaway' }
  /** The connection ends without a word. */
  | { readonly type: 'cut' }
  | { readonly type: 'late'; readonly ms: number }
  | { readonly type: 'silent' };

/** What the service's own rules say to a request. `broken` notes a rule that the request breaks. */
export type Rules = (received: Received, broken: (rule: string) => void) => Promise<Answer> | Answer;

export class StandIn {
  readonly ca: string;
  readonly url: string;
  /** Everything that came, in order. */
  readonly received: Received[] = [];
  /** Rules that were broken; every test wants none. */
  readonly broken: string[] = [];
  /** One for each of the next requests. */
  readonly faults: Fault[] = [];
  connections = 0;
  readonly #rules: Rules;
  readonly #sessions = new Map<ServerHttp2Session, number>();
  #waiting: (() => void)[] = [];

  private constructor(rules: Rules, ca: string, url: string) {
    this.#rules = rules;
    this.ca = ca;
    this.url = url;
  }

  static async start(t: TestContext, rules: Rules): Promise<StandIn> {
    const made = await generate([{ name: 'commonName', value: 'localhost' }], {
      keyType: 'ec',
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    const server = createSecureServer({ cert: made.cert, key: made.private });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const standIn = new StandIn(rules, made.cert, `https://localhost:${(server.address() as AddressInfo).port}`);
    server.on('session', (session) => standIn.#onSession(session));
    server.on('stream', (stream, headers) => void standIn.#onStream(stream, headers));
    server.on('sessionError', () => {});
    t.after(async () => {
      for (const session of standIn.#sessions.keys()) session.destroy();
      server.close();
      await once(server, 'close');
    });
    return standIn;
  }

  /** The first `count` requests, when they are there. */
  async requests(count: number): Promise<Received[]> {
    while (this.received.length < count) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.received.slice(0, count);
  }

  #onSession(session: ServerHttp2Session): void {
    this.connections += 1;
    this.#sessions.set(session, this.connections);
    session.on('error', () => {});
    session.once('close', () => this.#sessions.delete(session));
  }

  async #onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
    stream.on('error', () => {});
    const session = stream.session!;
    const connection = this.#sessions.get(session as ServerHttp2Session) ?? 0;
    const chunks: Buffer[] = [];
    for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
    const path = String(headers[':path']);
    const received = { path, headers, body: Buffer.concat(chunks), atMs: Date.now(), connection };
    if (headers[':method'] !== 'POST') this.broken.push(`method ${headers[':method']}`);
    this.received.push(received);
    const fault = this.faults.shift();
    const answer = await this.#rules(received, (rule) => this.broken.push(rule));
    await this.#answer(stream, answer, fault);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  async #answer(stream: ServerHttp2Stream, answer: Answer, fault: Fault | undefined): Promise<void> {
    switch (fault?.type) {
      case 'goaway':
        stream.session?.goaway(0, Math.max(0, (stream.id ?? 1) - 2));
        return;
      case 'cut':
        stream.session?.destroy();
        return;
      case 'silent':
        return;
      case 'late':
        await new Promise((resolve) => setTimeout(resolve, fault.ms));
        respond(stream, answer);
        return;
      case 'answer':
        respond(stream, fault);
        return;
      default:
        respond(stream, answer);
    }
  }
}

function respond(stream: ServerHttp2Stream, { status, headers = {}, body }: Answer): void {
  if (stream.destroyed) return;
  stream.respond({ ':status': status, ...headers });
  stream.end(body === undefined ? undefined : JSON.stringify(body));
}
