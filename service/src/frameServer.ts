// A WebSocket endpoint for protobuf frames (RFC 6455): the byte and rate limits
// before anything is parsed, the hello, requests and their replies, heartbeats,
// back-pressure both ways. What the frames mean is the service's business.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { ERRORS, FailureSchema, type Hello, LIMITS, PROTOCOL_VERSION, ProtocolError } from '@carillon/protocol';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { requestUrl } from './http.ts';
import type { Log } from './log.ts';
import { TokenBucket } from './tokenBucket.ts';

interface AnyFrame {
  requestId: number;
  body: { case: string | undefined; value?: unknown };
}

export interface FrameServerOptions<In extends DescMessage, Out extends DescMessage, Session> {
  readonly path: string;
  readonly clientFrame: In;
  readonly serverFrame: Out;
  /** One message; larger ones close the socket before they are buffered whole. */
  readonly frameBytesMax: number;
  /** Frames per socket: the average, and the burst allowed. */
  readonly rate: { readonly perSecond: number; readonly burst: number };
  /** Requests of one socket under way at once; past it the socket is not read. Default 64. */
  readonly inFlightMax?: number;
  /** Bytes waiting to be sent to one socket before it is cut as too slow. Default 4 MiB. */
  readonly bufferedBytesMax?: number;
  /** Default 25 s; two missed pongs end the socket. */
  readonly heartbeatMs?: number;
  readonly helloTimeoutMs?: number;
  readonly socketsMax?: number;
  readonly log: Log;
  readonly now: () => number;
  /** Checks the hello's token. @throws ProtocolError to refuse. */
  authenticate(hello: Hello): Promise<Session>;
  /** Once, before any request; returns the body that answers the hello. */
  open(connection: FrameConnection<Out>, session: Session): Promise<MessageInitShape<Out>> | MessageInitShape<Out>;
  /**
   * Called in the order of arrival; a returned frame (or promise of one) answers
   * the request. @throws ProtocolError to answer with a failure.
   */
  request(
    connection: FrameConnection<Out>,
    session: Session,
    frame: MessageShape<In>,
  ): Promise<MessageInitShape<Out> | undefined> | MessageInitShape<Out> | undefined;
  close?(connection: FrameConnection<Out>, session: Session): void;
}

export interface FrameConnection<Out extends DescMessage> {
  /** Sends a frame; false when the socket is gone or cut for being too slow. */
  send(frame: MessageInitShape<Out>): boolean;
  /** Ends the socket with the code's close code and words. */
  fail(error: ProtocolError): void;
  readonly isOpen: boolean;
  /** Bytes handed over but not yet taken by the network. */
  readonly bufferedBytes: number;
}

export class FrameServer<In extends DescMessage, Out extends DescMessage, Session> {
  readonly #options: FrameServerOptions<In, Out, Session>;
  readonly #server: WebSocketServer;
  readonly #sockets = new Set<FrameSocket<In, Out, Session>>();
  readonly #heartbeat: NodeJS.Timeout;

  constructor(options: FrameServerOptions<In, Out, Session>) {
    this.#options = options;
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.frameBytesMax,
      perMessageDeflate: false,
      clientTracking: false,
    });
    this.#heartbeat = setInterval(() => {
      for (const socket of this.#sockets) socket.heartbeat();
    }, options.heartbeatMs ?? 25_000);
    this.#heartbeat.unref();
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes the upgrade if the path is this endpoint's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (requestUrl(request).pathname !== this.#options.path) return false;
    if (this.#sockets.size >= (this.#options.socketsMax ?? 20_000)) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      return true;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      const framed = new FrameSocket(this.#options, ws, () => this.#sockets.delete(framed));
      this.#sockets.add(framed);
    });
    return true;
  }

  /** Closes every socket with `shutting-down`; resolves when they are gone or the bound has passed. */
  async close(boundMs = 2_000): Promise<void> {
    clearInterval(this.#heartbeat);
    const all = [...this.#sockets];
    for (const socket of all) socket.fail(new ProtocolError('shutting-down'));
    const bound = new Promise((resolve) => setTimeout(resolve, boundMs).unref());
    await Promise.race([bound, Promise.all(all.map((socket) => socket.closed))]);
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
  }
}

class FrameSocket<In extends DescMessage, Out extends DescMessage, Session> implements FrameConnection<Out> {
  readonly closed: Promise<void>;
  readonly #options: FrameServerOptions<In, Out, Session>;
  readonly #ws: WebSocket;
  readonly #bucket: TokenBucket;
  readonly #helloTimer: NodeJS.Timeout;
  #state: { phase: 'new' } | { phase: 'authenticating' } | { phase: 'open'; session: Session } | { phase: 'closed' } = {
    phase: 'new',
  };
  #early: Buffer[] = [];
  #inFlight = 0;
  #missedPongs = 0;

  constructor(options: FrameServerOptions<In, Out, Session>, ws: WebSocket, onClose: () => void) {
    this.#options = options;
    this.#ws = ws;
    this.#bucket = new TokenBucket(options.rate, options.now());
    this.#helloTimer = setTimeout(
      () => this.fail(new ProtocolError('hello-timeout')),
      options.helloTimeoutMs ?? LIMITS.helloTimeoutMs,
    );
    ws.on('message', (data: RawData, isBinary: boolean) => this.#onMessage(data as Buffer, isBinary));
    ws.on('pong', () => {
      this.#missedPongs = 0;
    });
    // ws reports an oversized message as an error and closes with 1009 by itself.
    ws.on('error', () => {});
    this.closed = new Promise((resolve) => {
      ws.on('close', () => {
        clearTimeout(this.#helloTimer);
        const state = this.#state;
        this.#state = { phase: 'closed' };
        onClose();
        if (state.phase === 'open') options.close?.(this, state.session);
        resolve();
      });
    });
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  send(frame: MessageInitShape<Out>): boolean {
    if (!this.isOpen) return false;
    if (this.#ws.bufferedAmount > (this.#options.bufferedBytesMax ?? 4 * 1024 * 1024)) {
      this.fail(new ProtocolError('slow-consumer'));
      return false;
    }
    this.#ws.send(toBinary(this.#options.serverFrame, create(this.#options.serverFrame, frame)));
    return true;
  }

  fail(error: ProtocolError): void {
    if (this.#ws.readyState >= WebSocket.CLOSING) return;
    // A close reason holds 123 bytes at most (RFC 6455 §5.5).
    this.#ws.close(ERRORS[error.code].close, error.code);
    setTimeout(() => this.#ws.terminate(), 1_000).unref();
  }

  terminate(): void {
    this.#ws.terminate();
  }

  heartbeat(): void {
    if (this.#missedPongs++ >= 2) this.#ws.terminate();
    else if (this.isOpen) this.#ws.ping();
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    if (!this.#bucket.take(this.#options.now())) {
      this.fail(new ProtocolError('rate-limited'));
      return;
    }
    if (!isBinary) {
      this.fail(new ProtocolError('malformed-frame'));
      return;
    }
    if (this.#state.phase === 'authenticating') {
      // A client may send requests right behind its hello; they wait for it.
      if (this.#early.length >= 16) this.fail(new ProtocolError('hello-expected'));
      else this.#early.push(data);
      return;
    }
    this.#onFrame(data);
  }

  #onFrame(data: Buffer): void {
    let frame: MessageShape<In>;
    try {
      frame = fromBinary(this.#options.clientFrame, data);
    } catch {
      this.fail(new ProtocolError('malformed-frame'));
      return;
    }
    const { body } = frame as unknown as AnyFrame;
    if (this.#state.phase === 'new') {
      if (body.case === 'hello') void this.#onHello(frame, body.value as Hello);
      else this.fail(new ProtocolError('hello-expected'));
      return;
    }
    if (this.#state.phase === 'open') void this.#onRequest(frame, this.#state.session);
  }

  async #onHello(frame: MessageShape<In>, hello: Hello): Promise<void> {
    this.#state = { phase: 'authenticating' };
    try {
      if (hello.version !== PROTOCOL_VERSION) throw new ProtocolError('unsupported-version');
      const session = await this.#options.authenticate(hello);
      if (!this.isOpen) return;
      const welcome = await this.#options.open(this, session);
      clearTimeout(this.#helloTimer);
      if (!this.isOpen) {
        this.#options.close?.(this, session);
        return;
      }
      this.#state = { phase: 'open', session };
      this.#reply(frame, welcome);
      const early = this.#early;
      this.#early = [];
      for (const data of early) this.#onFrame(data);
    } catch (error) {
      this.fail(this.#asProtocolError(error));
    }
  }

  async #onRequest(frame: MessageShape<In>, session: Session): Promise<void> {
    this.#inFlight++;
    if (this.#inFlight >= (this.#options.inFlightMax ?? 64)) this.#ws.pause();
    try {
      const { body } = frame as unknown as AnyFrame;
      if (body.case === undefined) throw new ProtocolError('unknown-frame');
      if (body.case === 'hello') throw new ProtocolError('invalid-request');
      const reply = await this.#options.request(this, session, frame);
      if (reply) this.#reply(frame, reply);
    } catch (error) {
      this.#replyFailure(frame, this.#asProtocolError(error));
    } finally {
      this.#inFlight--;
      if (this.#ws.isPaused) this.#ws.resume();
    }
  }

  #reply(frame: MessageShape<In>, body: MessageInitShape<Out>): void {
    this.send({
      ...(body as object),
      replyTo: (frame as unknown as AnyFrame).requestId,
    } as unknown as MessageInitShape<Out>);
  }

  #replyFailure(frame: MessageShape<In>, error: ProtocolError): void {
    const { retryAfterMs, staleDevices } = error.details;
    const failure = create(FailureSchema, {
      code: error.code,
      message: error.message,
      retryAfterMs: retryAfterMs ?? 0,
      ...(staleDevices
        ? {
            staleDevices: {
              accountId: staleDevices.accountId,
              missing: [...staleDevices.missing],
              gone: [...staleDevices.gone],
            },
          }
        : {}),
    });
    this.#reply(frame, { body: { case: 'failure', value: failure } } as unknown as MessageInitShape<Out>);
  }

  #asProtocolError(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    this.#options.log.error('request failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return new ProtocolError('internal-error', { cause: error });
  }
}
