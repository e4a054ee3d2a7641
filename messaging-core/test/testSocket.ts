// A socket that speaks frames, keeps what comes unasked, and lets a test wait.
import { once } from 'node:events';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Address,
  type Delivery,
  EnvelopeKind,
  type Failure,
  MessagingClientFrameSchema,
  type MessagingServerFrame,
  MessagingServerFrameSchema,
  type MessagingWelcome,
  PATHS,
  PROTOCOL_VERSION,
} from '@carillon/protocol';
import { WebSocket } from 'ws';
import { messageId } from './testDevice.ts';

export type RequestBody = NonNullable<MessageInitShape<typeof MessagingClientFrameSchema>['body']>;
type ServerBody = MessagingServerFrame['body'];
type ValueOf<Case extends string> = Extract<ServerBody, { case: Case }> extends { value: infer Value } ? Value : never;

export interface SendOptions {
  readonly messageId?: string;
  readonly ciphertext?: Uint8Array;
  readonly urgent?: boolean;
  readonly expiresAtMs?: number;
}

export class RequestFailure extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.code);
    this.failure = failure;
  }
}

export class TestSocket {
  readonly ws: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly deliveries: Delivery[] = [];
  readonly unasked: MessagingServerFrame[] = [];
  readonly #replies = new Map<number, (frame: MessagingServerFrame) => void>();
  #waiters: (() => void)[] = [];
  #requestId = 0;
  #isClosed = false;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    // Not by once(): an error before the close would reject it.
    this.closed = new Promise((resolve) => {
      ws.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake();
        resolve({ code, reason: String(reason) });
      });
    });
    ws.on('error', () => {});
    ws.on('message', (data) => this.#onFrame(fromBinary(MessagingServerFrameSchema, data as Buffer)));
  }

  static async open(url: string): Promise<TestSocket> {
    const ws = new WebSocket(url.replace(/^http/, 'ws') + PATHS.messaging.socket);
    const socket = new TestSocket(ws);
    await once(ws, 'open');
    return socket;
  }

  get isOpen(): boolean {
    return !this.#isClosed;
  }

  async hello(token: string, heartbeatMs = 0): Promise<MessagingWelcome> {
    return this.request({ case: 'hello', value: { token, version: PROTOCOL_VERSION, heartbeatMs } }, 'welcome');
  }

  /** @throws RequestFailure; Error when the socket closes first */
  async request<Case extends string>(body: RequestBody, expected: Case): Promise<ValueOf<Case>> {
    const requestId = ++this.#requestId;
    const answered = new Promise<MessagingServerFrame>((resolve) => this.#replies.set(requestId, resolve));
    this.sendFrame({ requestId, body });
    const frame = await Promise.race([answered, this.closed]);
    if (!('replyTo' in frame)) throw new Error(`closed: ${frame.code} ${frame.reason}`);
    if (frame.body.case === 'failure') throw new RequestFailure(frame.body.value);
    if (frame.body.case !== expected) throw new Error(`expected ${expected}, got ${frame.body.case}`);
    return frame.body.value as ValueOf<Case>;
  }

  sendFrame(frame: MessageInitShape<typeof MessagingClientFrameSchema>): void {
    this.ws.send(toBinary(MessagingClientFrameSchema, create(MessagingClientFrameSchema, frame)));
  }

  /** To one device. */
  async send(to: Address, options: SendOptions = {}): Promise<number> {
    const reply = await this.request({ case: 'send', value: sendRequest([to], options) }, 'sent');
    return Number(reply.acceptedAtMs);
  }

  async ack(...seqs: readonly bigint[]): Promise<void> {
    await this.request({ case: 'ack', value: { seqs: [...seqs] } }, 'acked');
  }

  /** The first `count` deliveries, when they are there. */
  async delivered(count: number): Promise<Delivery[]> {
    await this.until(() => this.deliveries.length >= count, `${count} deliveries`);
    return this.deliveries.slice(0, count);
  }

  async next<Case extends string>(expected: Case): Promise<ValueOf<Case>> {
    const find = () => this.unasked.find((frame) => frame.body.case === expected);
    await this.until(() => find() !== undefined, expected);
    return find()!.body.value as ValueOf<Case>;
  }

  async close(): Promise<void> {
    this.ws.close();
    await this.closed;
  }

  /** Looks again at whatever comes. @throws Error when the socket closes first */
  async until(done: () => boolean, what: string): Promise<void> {
    while (!done()) {
      if (this.#isClosed) throw new Error(`closed while waiting for ${what}`);
      await new Promise<void>((resolve) => this.#waiters.push(resolve));
    }
  }

  #onFrame(frame: MessagingServerFrame): void {
    const waiting = this.#replies.get(frame.replyTo);
    if (frame.replyTo !== 0 && waiting) {
      this.#replies.delete(frame.replyTo);
      waiting(frame);
      return;
    }
    this.unasked.push(frame);
    if (frame.body.case === 'delivery') this.deliveries.push(frame.body.value);
    this.#wake();
  }

  #wake(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}

/** All addresses belong to one account. */
export function sendRequest(to: readonly Address[], options: SendOptions = {}) {
  return {
    messageId: options.messageId ?? messageId(),
    recipientAccountId: to[0]!.accountId as string,
    envelopes: to.map(({ deviceId }) => ({
      deviceId,
      kind: EnvelopeKind.RATCHET,
      ciphertext: options.ciphertext ?? new Uint8Array([1, 2, 3]),
    })),
    urgent: options.urgent ?? false,
    expiresAtMs: BigInt(options.expiresAtMs ?? 0),
  };
}

/** The refusal of a request that has to be refused. */
export async function refusal(request: Promise<unknown>): Promise<Failure> {
  try {
    await request;
  } catch (error) {
    if (error instanceof RequestFailure) return error.failure;
    throw error;
  }
  throw new Error('was not refused');
}
