// The device's end of a frame socket: one hello, requests and their replies by
// number, and whatever the server says by itself. It connects once; see
// reconnectingFrameSocket.ts for one that stays.
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { type Failure, isErrorCode, PROTOCOL_VERSION, ProtocolError } from '@carillon/protocol';

/** Requests of one socket without an answer yet. Higher: a stalled server is noticed later and holds more memory here. */
const IN_FLIGHT_MAX = 256;
/** Longer: a slow link is forgiven more; a dead one is noticed later. */
const REQUEST_TIMEOUT_MS = 15_000;
const CONNECT_TIMEOUT_MS = 10_000;

/** What may stand in `body` of a frame to send. */
export type BodyInit<Frame extends DescMessage> =
  MessageInitShape<Frame> extends { body?: infer Body } ? Exclude<NonNullable<Body>, { case: undefined }> : never;
/** What stands in `body` of a received frame. */
export type Body<Frame extends DescMessage> =
  MessageShape<Frame> extends { body: infer B } ? Extract<B, { case: string }> : never;
export type Case<Frame extends DescMessage> = Body<Frame>['case'];
export type Value<Frame extends DescMessage, Name extends Case<Frame>> =
  Extract<Body<Frame>, { case: Name }> extends { value: infer V } ? V : never;

export interface FrameSocketOptions<Out extends DescMessage, In extends DescMessage> {
  /** ws:// or wss:// */
  readonly url: string;
  readonly WebSocket: typeof globalThis.WebSocket;
  /** What this device sends, for example MessagingClientFrameSchema. */
  readonly clientFrame: Out;
  readonly serverFrame: In;
  /** Frames that answer nothing, in order. */
  onPush(body: Body<In>): void;
  /** The hello is on its way: requests may go right behind it; they are answered after the welcome. */
  onHello?(): void;
  /** Once, after an open socket has ended, whoever ended it. */
  onClose?(reason: ProtocolError): void;
  /** How often the server may expect a sign of life; without it, as the server likes. */
  readonly heartbeatMs?: () => number;
  readonly requestTimeoutMs?: number;
  readonly connectTimeoutMs?: number;
}

interface Pending {
  resolve(body: { case: string; value: unknown }): void;
  reject(error: Error): void;
  readonly timer: ReturnType<typeof setTimeout>;
}

interface AnyServerFrame {
  readonly replyTo: number;
  readonly body: { case: string | undefined; value?: unknown };
}

export class FrameSocket<Out extends DescMessage, In extends DescMessage> {
  readonly #options: FrameSocketOptions<Out, In>;
  readonly #pending = new Map<number, Pending>();
  #ws: WebSocket | undefined;
  /** While it opens. */
  #failOpening: (reason: ProtocolError) => void = () => {};
  #state: 'new' | 'connecting' | 'open' | 'closed' = 'new';
  #lastRequestId = 0;
  #lastReceivedAt = 0;
  #lastSentAt = 0;
  #heartbeatMs = 0;

  constructor(options: FrameSocketOptions<Out, In>) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** When the last frame came, on the performance clock, milliseconds. */
  get lastReceivedAt(): number {
    return this.#lastReceivedAt;
  }

  /** The interval this connection's hello has promised; 0: none. */
  get heartbeatMs(): number {
    return this.#heartbeatMs;
  }

  /** When the last frame went, likewise. */
  get lastSentAt(): number {
    return this.#lastSentAt;
  }

  /**
   * Opens the socket and says hello; resolves with the welcome. Once only.
   * @param token an access token or a room ticket
   * @throws ProtocolError the server's refusal, or `unreachable`
   */
  async connect(token: string): Promise<Value<In, Extract<Case<In>, 'welcome'>>> {
    if (this.#state !== 'new') throw new Error('A FrameSocket connects once.');
    this.#state = 'connecting';
    const timer = setTimeout(
      () => this.#end(new ProtocolError('unreachable', { words: 'The server does not answer.' })),
      this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    );
    try {
      await this.#open();
      this.#heartbeatMs = this.#options.heartbeatMs?.() ?? 0;
      const value = { token, version: PROTOCOL_VERSION, heartbeatMs: this.#heartbeatMs };
      const hello = { case: 'hello', value };
      const welcome = this.#exchange(hello as unknown as BodyInit<Out>);
      this.#options.onHello?.();
      const body = await welcome;
      if (body.case !== 'welcome') throw new ProtocolError('malformed-frame');
      return body.value as Value<In, Extract<Case<In>, 'welcome'>>;
    } catch (error) {
      this.#end(asProtocolError(error));
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Sends a request and resolves with the reply's value, which must be of the case named.
   * @throws ProtocolError the server's refusal, or `unreachable` when the socket is or goes away
   */
  async request<Name extends Case<In>>(body: BodyInit<Out>, reply: Name): Promise<Value<In, Name>> {
    if (this.#state !== 'open') throw new ProtocolError('unreachable');
    const got = await this.#exchange(body);
    if (got.case !== reply) throw new ProtocolError('malformed-frame');
    return got.value as Value<In, Name>;
  }

  /** Ends the socket; requests under way fail. */
  close(reason = new ProtocolError('unreachable', { words: 'The connection was closed.' })): void {
    this.#end(reason);
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#failOpening = reject;
      const ws = new this.#options.WebSocket(this.#options.url);
      this.#ws = ws;
      ws.binaryType = 'arraybuffer';
      ws.onopen = () => {
        this.#state = 'open';
        resolve();
      };
      ws.onmessage = (event: MessageEvent) => this.#onMessage(event.data);
      // An error is always followed by a close, which says as much as there is to know.
      ws.onerror = () => {};
      ws.onclose = (event: CloseEvent) => {
        this.#end(closeReason(event));
      };
    });
  }

  #exchange(body: BodyInit<Out>): Promise<{ case: string; value: unknown }> {
    if (this.#pending.size >= IN_FLIGHT_MAX) {
      return Promise.reject(
        new ProtocolError('unreachable', { words: 'The server does not keep up with the requests.' }),
      );
    }
    const requestId = this.#nextRequestId();
    return new Promise((resolve, reject) => {
      // First: what cannot be encoded is refused alone, and nobody waits for its answer.
      const frame = create(this.#options.clientFrame, { requestId, body } as unknown as MessageInitShape<Out>);
      const bytes = toBinary(this.#options.clientFrame, frame) as Uint8Array<ArrayBuffer>;
      // A request without an answer means a connection that is gone without saying so.
      const timer = setTimeout(
        () => this.#end(new ProtocolError('unreachable', { words: 'The server does not answer.' })),
        this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS,
      );
      this.#pending.set(requestId, { resolve, reject, timer });
      this.#lastSentAt = performance.now();
      this.#ws!.send(bytes);
    });
  }

  #nextRequestId(): number {
    do {
      this.#lastRequestId = (this.#lastRequestId % 0xffff_ffff) + 1;
    } while (this.#pending.has(this.#lastRequestId));
    return this.#lastRequestId;
  }

  #onMessage(data: unknown): void {
    if (this.#state !== 'open') return;
    this.#lastReceivedAt = performance.now();
    let frame: AnyServerFrame;
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error('not a binary message');
      frame = fromBinary(this.#options.serverFrame, new Uint8Array(data)) as unknown as AnyServerFrame;
    } catch (cause) {
      this.#end(
        new ProtocolError('malformed-frame', { cause, words: 'The server answered in a way this app cannot read.' }),
      );
      return;
    }
    if (frame.replyTo !== 0) {
      this.#settle(frame.replyTo, frame.body);
    } else if (frame.body.case !== undefined) {
      // A frame of a newer server that this app does not know passes unread.
      this.#options.onPush(frame.body as Body<In>);
    }
  }

  #settle(requestId: number, body: AnyServerFrame['body']): void {
    const pending = this.#pending.get(requestId);
    if (!pending) return;
    this.#pending.delete(requestId);
    clearTimeout(pending.timer);
    if (body.case === 'failure') pending.reject(failureToError(body.value as Failure));
    else if (body.case === undefined) pending.reject(new ProtocolError('unknown-frame'));
    else pending.resolve(body as { case: string; value: unknown });
  }

  #end(reason: ProtocolError): void {
    if (this.#state === 'closed') return;
    const wasOpen = this.#state === 'open';
    this.#state = 'closed';
    const ws = this.#ws;
    if (ws && ws.readyState < 2) ws.close(1000);
    this.#failOpening(reason);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(reason);
    }
    this.#pending.clear();
    if (wasOpen) this.#options.onClose?.(reason);
  }
}

/** A refusal as it stands in a frame. */
export function failureToError(failure: Failure): ProtocolError {
  const code = isErrorCode(failure.code) ? failure.code : 'internal-error';
  const { staleDevices } = failure;
  return new ProtocolError(code, {
    ...(failure.message ? { words: failure.message } : {}),
    ...(failure.retryAfterMs > 0 ? { retryAfterMs: failure.retryAfterMs } : {}),
    ...(staleDevices ? { staleDevices } : {}),
  });
}

// The server puts the error code into the close reason (RFC 6455 §7.1.6).
function closeReason(event: CloseEvent): ProtocolError {
  if (isErrorCode(event.reason)) return new ProtocolError(event.reason);
  return new ProtocolError('unreachable', {
    words: event.code === 1006 ? 'The server cannot be reached.' : 'The connection to the server was lost.',
  });
}

function asProtocolError(error: unknown): ProtocolError {
  return error instanceof ProtocolError ? error : new ProtocolError('unreachable', { cause: error });
}
