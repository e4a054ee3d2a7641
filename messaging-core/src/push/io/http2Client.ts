// Requests to one origin over one HTTP/2 connection (RFC 9113) that is used
// again and again: push services count connections against their senders.
import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { PushReply, PushRequest } from '../core/pushSender.ts';

/** Requests under way. More fills a fast service's pipe; fewer bounds what a broken connection must repeat. */
const CONCURRENCY_MAX = 100;
/** Requests waiting for their turn; past it they fail at once, to be repeated later. */
const WAITING_MAX = 5_000;
/** How often one request is given to a connection: an unanswered one is repeated on the next connection. */
const SENDS_MAX = 3;
/** From sending to the whole answer. Longer holds a call's push for a service that is stuck. */
const TIMEOUT_MS = 10_000;
const CONNECT_TIMEOUT_MS = 10_000;
/** A connection that a NAT or firewall has forgotten is found out by then. */
const PING_EVERY_MS = 60_000;
const PING_TIMEOUT_MS = 5_000;
/** Answers are small; a larger one is cut. */
const BODY_BYTES_MAX = 16 * 1024;

export interface Http2ClientOptions {
  readonly origin: string;
  /** Certificates of authorities to trust besides the system's own (PEM). */
  readonly ca?: string | undefined;
  /** Ends a connection that carried nothing for so long; 0 keeps it. */
  readonly idleMs?: number;
  readonly timeoutMs?: number;
  readonly pingEveryMs?: number;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Http2Client {
  readonly #options: Http2ClientOptions;
  #session: Promise<ClientHttp2Session> | undefined;
  #underWay = 0;
  readonly #urgent: Waiter[] = [];
  readonly #ordinary: Waiter[] = [];
  #closed = false;

  constructor(options: Http2ClientOptions) {
    this.#options = options;
  }

  /**
   * POSTs. Urgent requests go before the others that wait.
   * @throws Error when the origin cannot be reached or does not answer in time
   */
  async post(request: PushRequest, urgent: boolean): Promise<PushReply> {
    await this.#turn(urgent);
    try {
      for (let send = 1; ; send++) {
        const session = await this.#connected();
        try {
          return await this.#exchange(session, request);
        } catch (error) {
          // Whoever made the connection bad, the next one may be good.
          this.#leave(session);
          if (send === SENDS_MAX || this.#closed || error instanceof NoAnswer) throw error;
        }
      }
    } finally {
      this.#underWay -= 1;
      (this.#urgent.shift() ?? this.#ordinary.shift())?.resolve();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const waiter of [...this.#urgent.splice(0), ...this.#ordinary.splice(0)]) waiter.reject(new Error('closed'));
    const session = await this.#session?.catch(() => undefined);
    session?.destroy();
  }

  async #turn(urgent: boolean): Promise<void> {
    if (this.#closed) throw new Error('closed');
    const line = urgent ? this.#urgent : this.#ordinary;
    if (this.#underWay >= CONCURRENCY_MAX) {
      if (line.length >= WAITING_MAX) throw new Error('too many requests wait');
      await new Promise<void>((resolve, reject) => line.push({ resolve, reject }));
    }
    this.#underWay += 1;
  }

  #connected(): Promise<ClientHttp2Session> {
    if (this.#closed) return Promise.reject(new Error('closed'));
    if (this.#session) return this.#session;
    const opening = this.#open();
    this.#session = opening;
    opening.catch(() => {
      if (this.#session === opening) this.#session = undefined;
    });
    return opening;
  }

  async #open(): Promise<ClientHttp2Session> {
    const { origin, ca, idleMs = 0, pingEveryMs = PING_EVERY_MS } = this.#options;
    const session = connect(origin, { ...(ca === undefined ? {} : { ca }), settings: { enablePush: false } });
    const gone = () => this.#leave(session);
    // A GOAWAY still lets what it answers finish; new requests need a new connection.
    session.on('goaway', gone).on('close', gone).on('error', gone);
    if (idleMs > 0) session.setTimeout(idleMs, () => session.close());
    const giveUp = setTimeout(() => session.destroy(new Error('connecting took too long')), CONNECT_TIMEOUT_MS);
    try {
      await once(session, 'connect');
    } finally {
      clearTimeout(giveUp);
    }
    // Neither the connection nor its pings keep a process alive that has nothing else to do.
    session.unref();
    const pings = setInterval(() => ping(session), pingEveryMs);
    pings.unref();
    session.once('close', () => clearInterval(pings));
    return session;
  }

  /** The next request opens another connection. */
  #leave(session: ClientHttp2Session): void {
    const current = this.#session;
    void current?.then(
      (known) => {
        if (known === session && this.#session === current) this.#session = undefined;
      },
      () => {},
    );
  }

  #exchange(session: ClientHttp2Session, { path, headers, body }: PushRequest): Promise<PushReply> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    return new Promise((resolve, reject) => {
      // Throws when the session has ended since.
      const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
      const timer = setTimeout(() => {
        reject(new NoAnswer());
        stream.close(constants.NGHTTP2_CANCEL);
        ping(session);
      }, timeoutMs);
      readReply(stream)
        .then(resolve, reject)
        .finally(() => clearTimeout(timer));
      stream.end(body);
    });
  }
}

/** It may have been taken in: repeating it at once is not for the connection to decide. */
class NoAnswer extends Error {
  constructor() {
    super('no answer in time');
  }
}

function ping(session: ClientHttp2Session): void {
  if (session.closed || session.destroyed) return;
  const dead = setTimeout(() => session.destroy(), PING_TIMEOUT_MS);
  dead.unref();
  // False when the session already has too many unanswered pings.
  const sent = session.ping((error) => {
    clearTimeout(dead);
    if (error) session.destroy();
  });
  if (!sent) session.destroy();
}

function readReply(stream: ClientHttp2Stream): Promise<PushReply> {
  return new Promise((resolve, reject) => {
    let reply: Omit<PushReply, 'body'> | undefined;
    const chunks: Buffer[] = [];
    let bytes = 0;
    stream.on('response', ({ ':status': status = 0, ...headers }) => {
      reply = { status, headers: headers as Record<string, string | undefined> };
    });
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    });
    stream.on('end', () => {
      if (reply) resolve({ ...reply, body: Buffer.concat(chunks).toString('utf8') });
    });
    stream.on('error', reject);
    stream.on('close', () => reject(new Error('the connection ended before the answer')));
  });
}
