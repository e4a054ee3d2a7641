// One WebSocket of a frame server: hello first, then requests and their
// replies. There may be tens of thousands, nearly all idle: what a socket keeps
// is few fields, its listeners are shared by all, and it has no timer of its own
// once it is open.
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
import { WebSocket } from 'ws';
import type { FrameConnection, FrameServerOptions } from './frameServer.ts';
import type { Heartbeat } from './heartbeat.ts';
import { TokenBucket } from './tokenBucket.ts';

interface AnyFrame {
  requestId: number;
  body: { case: string | undefined; value?: unknown };
}

/** Frames kept that came between the hello and its answer. */
const EARLY_FRAMES_MAX = 16;
/** A peer that does not answer the close frame is let go then. */
const CLOSE_MS = 1_000;

interface Listener {
  onMessage(data: Buffer, isBinary: boolean): void;
  onSignOfLife(): void;
  onClose(): void;
}

/** Leads from the shared listeners to the socket's own state: a closure for each listener would cost more than that state. */
export class PeerSocket extends WebSocket {
  listener: Listener | undefined;
}

function onMessage(this: PeerSocket, data: Buffer, isBinary: boolean): void {
  this.listener?.onMessage(data, isBinary);
}
function onSignOfLife(this: PeerSocket): void {
  this.listener?.onSignOfLife();
}
function onClose(this: PeerSocket): void {
  this.listener?.onClose();
}
// ws reports an oversized message as an error and closes with 1009 by itself.
function onError(): void {}

function uncork(socket: { uncork(): void }): void {
  socket.uncork();
}

/** What a server's sockets have in common. */
export interface SocketHome<In extends DescMessage, Out extends DescMessage, Session> {
  readonly options: FrameServerOptions<In, Out, Session>;
  readonly heartbeat: Heartbeat;
  forget(socket: FrameSocket<In, Out, Session>): void;
}

export class FrameSocket<In extends DescMessage, Out extends DescMessage, Session>
  implements FrameConnection<Out>, Listener
{
  readonly remoteAddress: string | undefined;
  readonly #home: SocketHome<In, Out, Session>;
  readonly #ws: PeerSocket;
  /** What `#ws` writes to. */
  readonly #stream: Duplex;
  #isCorked = false;
  readonly #bucket: TokenBucket;
  #phase: 'new' | 'authenticating' | 'open' | 'closed' = 'new';
  #session: Session | undefined;
  #helloTimer: NodeJS.Timeout | undefined;
  #early: Buffer[] | undefined;
  #inFlight = 0;
  /** The peer's interval as it asked for it; 0: it left it to us, and is pinged. */
  #askedHeartbeatMs = 0;
  /** Ticks of the heartbeat: when the peer last was heard, and pings since. */
  #heardAt: number;
  #pings = 0;
  #probe: NodeJS.Timeout | undefined;

  constructor(home: SocketHome<In, Out, Session>, ws: PeerSocket, stream: Duplex, remoteAddress: string | undefined) {
    this.remoteAddress = remoteAddress;
    this.#home = home;
    this.#ws = ws;
    this.#stream = stream;
    this.#heardAt = home.heartbeat.tick;
    this.#bucket = new TokenBucket(home.options.rate, home.options.now());
    this.#helloTimer = setTimeout(
      () => this.fail(new ProtocolError('hello-timeout')),
      home.options.helloTimeoutMs ?? LIMITS.helloTimeoutMs,
    );
    ws.listener = this;
    ws.on('message', onMessage as never);
    ws.on('ping', onSignOfLife as never);
    ws.on('pong', onSignOfLife as never);
    ws.on('error', onError);
    ws.on('close', onClose as never);
  }

  get isOpen(): boolean {
    return this.#ws.readyState === WebSocket.OPEN;
  }

  get bufferedBytes(): number {
    return this.#ws.bufferedAmount;
  }

  get heartbeatMs(): number {
    return this.#home.heartbeat.intervalMs(this.#askedHeartbeatMs);
  }

  /** Undefined before the hello was answered. */
  get session(): Session | undefined {
    return this.#phase === 'open' ? this.#session : undefined;
  }

  send(frame: MessageInitShape<Out>): boolean {
    if (!this.isOpen) return false;
    const { bufferedBytesMax, serverFrame } = this.#home.options;
    if (this.#ws.bufferedAmount > (bufferedBytesMax ?? 4 * 1024 * 1024)) {
      this.fail(new ProtocolError('slow-consumer'));
      return false;
    }
    this.#cork();
    this.#ws.send(toBinary(serverFrame, create(serverFrame, frame)));
    return true;
  }

  /** What is sent in one turn leaves at its end with one system call, which costs more than a frame does. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#stream.cork();
    process.nextTick(uncork, this);
  }

  uncork(): void {
    this.#isCorked = false;
    this.#stream.uncork();
  }

  probe(withinMs: number): void {
    if (this.#probe || !this.isOpen) return;
    const probe = setTimeout(() => {
      // What has arrived while this process was held up is read first.
      setImmediate(() => {
        if (this.#probe !== probe) return;
        this.#probe = undefined;
        if (this.#ws.isPaused) return;
        this.fail(new ProtocolError('heartbeat-missed'));
        // Nobody is there to answer the close.
        this.#ws.terminate();
      });
    }, withinMs);
    probe.unref();
    this.#probe = probe;
    this.#ws.ping();
  }

  fail(error: ProtocolError): void {
    if (this.#ws.readyState >= WebSocket.CLOSING) return;
    // A close reason holds 123 bytes at most (RFC 6455 §5.5).
    this.#ws.close(ERRORS[error.code].close, error.code);
    setTimeout(() => this.#ws.terminate(), CLOSE_MS).unref();
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** Called at each tick of the heartbeat. */
  beat(): void {
    if (this.#phase !== 'open') return;
    const verdict = this.#home.heartbeat.judge(this.#askedHeartbeatMs, this.#heardAt, this.#pings);
    if (verdict === 'missed') this.fail(new ProtocolError('heartbeat-missed'));
    else if (verdict === 'ping' && this.isOpen) {
      this.#pings++;
      this.#ws.ping();
    }
  }

  onSignOfLife(): void {
    this.#heardAt = this.#home.heartbeat.tick;
    this.#pings = 0;
    if (this.#probe) this.#endProbe();
  }

  onClose(): void {
    this.#stopHelloTimer();
    this.#endProbe();
    const wasOpen = this.#phase === 'open';
    this.#phase = 'closed';
    this.#early = undefined;
    this.#home.forget(this);
    if (wasOpen) this.#home.options.close?.(this, this.#session as Session);
  }

  onMessage(data: Buffer, isBinary: boolean): void {
    if (!this.isOpen) return;
    this.onSignOfLife();
    if (!this.#bucket.take(this.#home.options.now())) {
      this.fail(new ProtocolError('rate-limited'));
      return;
    }
    if (!isBinary) {
      this.fail(new ProtocolError('malformed-frame'));
      return;
    }
    if (this.#phase === 'authenticating') {
      // A client may send requests right behind its hello; they wait for it.
      this.#early ??= [];
      if (this.#early.length >= EARLY_FRAMES_MAX) this.fail(new ProtocolError('hello-expected'));
      else this.#early.push(data);
      return;
    }
    this.#onFrame(data);
  }

  #onFrame(data: Buffer): void {
    let frame: MessageShape<In>;
    try {
      frame = fromBinary(this.#home.options.clientFrame, data);
    } catch {
      this.fail(new ProtocolError('malformed-frame'));
      return;
    }
    const { body } = frame as unknown as AnyFrame;
    if (this.#phase === 'new') {
      if (body.case === 'hello') void this.#onHello(frame, body.value as Hello);
      else this.fail(new ProtocolError('hello-expected'));
      return;
    }
    if (this.#phase === 'open') void this.#onRequest(frame, this.#session as Session);
  }

  async #onHello(frame: MessageShape<In>, hello: Hello): Promise<void> {
    const { options } = this.#home;
    this.#phase = 'authenticating';
    try {
      if (hello.version !== PROTOCOL_VERSION) throw new ProtocolError('unsupported-version');
      this.#askedHeartbeatMs = hello.heartbeatMs;
      const session = await options.authenticate(hello);
      if (!this.isOpen) return;
      const welcome = await options.open(this, session);
      this.#stopHelloTimer();
      if (!this.isOpen) {
        options.close?.(this, session);
        return;
      }
      this.#session = session;
      this.#phase = 'open';
      this.#reply(frame, welcome);
      const early = this.#early ?? [];
      this.#early = undefined;
      for (const data of early) this.#onFrame(data);
    } catch (error) {
      this.fail(this.#asProtocolError(error));
    }
  }

  async #onRequest(frame: MessageShape<In>, session: Session): Promise<void> {
    const { options } = this.#home;
    this.#inFlight++;
    if (this.#inFlight >= (options.inFlightMax ?? 64)) this.#ws.pause();
    try {
      const { body } = frame as unknown as AnyFrame;
      if (body.case === undefined) throw new ProtocolError('unknown-frame');
      if (body.case === 'hello') throw new ProtocolError('invalid-request');
      const reply = await options.request(this, session, frame);
      if (reply) this.#reply(frame, reply);
    } catch (error) {
      this.#replyFailure(frame, this.#asProtocolError(error));
    } finally {
      this.#inFlight--;
      if (this.#ws.isPaused) this.#ws.resume();
    }
  }

  #endProbe(): void {
    clearTimeout(this.#probe);
    this.#probe = undefined;
  }

  #stopHelloTimer(): void {
    clearTimeout(this.#helloTimer);
    this.#helloTimer = undefined;
  }

  #reply(frame: MessageShape<In>, body: MessageInitShape<Out>): void {
    this.send({
      ...(body as object),
      replyTo: (frame as unknown as AnyFrame).requestId,
    } as unknown as MessageInitShape<Out>);
  }

  #replyFailure(frame: MessageShape<In>, error: ProtocolError): void {
    const { retryAfterMs, staleDevices, staleGroup } = error.details;
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
      ...(staleGroup ? { staleGroup } : {}),
    });
    this.#reply(frame, { body: { case: 'failure', value: failure } } as unknown as MessageInitShape<Out>);
  }

  #asProtocolError(error: unknown): ProtocolError {
    if (error instanceof ProtocolError) return error;
    this.#home.options.log.error('request failed', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return new ProtocolError('internal-error', { cause: error });
  }
}
