// A WebSocket endpoint for protobuf frames (RFC 6455): the byte and rate limits
// before anything is parsed, the hello, requests and their replies, heartbeats,
// back-pressure both ways. What the frames mean is the service's business.
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf';
import { ERRORS, type Hello, ProtocolError } from '@carillon/protocol';
import { WebSocketServer } from 'ws';
import { FrameSocket, PeerSocket } from './frameSocket.ts';
import { Heartbeat, type HeartbeatBounds } from './heartbeat.ts';
import { requestUrl } from './http.ts';
import type { Log } from './log.ts';

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
  /** Default: as the protocol says. */
  readonly heartbeat?: HeartbeatBounds;
  readonly helloTimeoutMs?: number;
  readonly socketsMax?: number;
  readonly log: Log;
  readonly now: () => number;
  /** Where a socket comes from, for limits: what connections have as `remoteAddress`. @throws ProtocolError to refuse the socket */
  remoteAddress?(request: IncomingMessage): string;
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
  /** The peer has to give a sign of life within `withinMs`, or the socket ends. It is pinged, and need do nothing itself. */
  probe(withinMs: number): void;
  /** Ends the socket with the code's close code and words. */
  fail(error: ProtocolError): void;
  readonly isOpen: boolean;
  /** Bytes handed over but not yet taken by the network. */
  readonly bufferedBytes: number;
  /** How often the peer is expected to give a sign of life: for the welcome. */
  readonly heartbeatMs: number;
  /** As the server's option of that name says; undefined without one. */
  readonly remoteAddress: string | undefined;
}

export class FrameServer<In extends DescMessage, Out extends DescMessage, Session> {
  readonly options: FrameServerOptions<In, Out, Session>;
  readonly heartbeat: Heartbeat;
  readonly #server: WebSocketServer;
  readonly #sockets = new Set<FrameSocket<In, Out, Session>>();
  readonly #ticking: NodeJS.Timeout;
  #onEmpty: (() => void) | undefined;

  constructor(options: FrameServerOptions<In, Out, Session>) {
    this.options = options;
    this.heartbeat = new Heartbeat(options.heartbeat);
    this.#server = new WebSocketServer({
      noServer: true,
      maxPayload: options.frameBytesMax,
      perMessageDeflate: false,
      clientTracking: false,
      WebSocket: PeerSocket,
    });
    // Looking at 20,000 sockets takes about a millisecond; a timer for each would take more, and memory besides.
    this.#ticking = setInterval(() => {
      this.heartbeat.tick++;
      for (const socket of this.#sockets) socket.beat();
    }, this.heartbeat.tickMs);
    this.#ticking.unref();
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes the upgrade if the path is this endpoint's. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    if (requestUrl(request).pathname !== this.options.path) return false;
    if (this.#sockets.size >= (this.options.socketsMax ?? 20_000)) {
      socket.end('HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\r\n');
      return true;
    }
    let remoteAddress: string | undefined;
    try {
      remoteAddress = this.options.remoteAddress?.(request);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const { status } = ERRORS[error.code];
      socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n\r\n`);
      return true;
    }
    this.#server.handleUpgrade(request, socket, head, (ws) => {
      this.#sockets.add(new FrameSocket<In, Out, Session>(this, ws as PeerSocket, socket, remoteAddress));
    });
    return true;
  }

  /** Ends the sockets of sessions that may not go on. */
  endSessions(matches: (session: Session) => boolean, error: ProtocolError): void {
    for (const socket of this.#sockets) {
      const { session } = socket;
      if (session !== undefined && matches(session)) socket.fail(error);
    }
  }

  /** Called by the sockets, when they have closed. */
  forget(socket: FrameSocket<In, Out, Session>): void {
    this.#sockets.delete(socket);
    if (this.#sockets.size === 0) this.#onEmpty?.();
  }

  /** Closes every socket with `shutting-down`; resolves when they are gone or the bound has passed. */
  async close(boundMs = 2_000): Promise<void> {
    clearInterval(this.#ticking);
    for (const socket of this.#sockets) socket.fail(new ProtocolError('shutting-down'));
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      if (this.#sockets.size === 0) resolve();
      setTimeout(resolve, boundMs).unref();
    });
    for (const socket of this.#sockets) socket.terminate();
    this.#server.close();
  }
}
