// A device that speaks signaling's frames, with a real token. What it relays is
// random bytes: the server cannot tell.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Address,
  PATHS,
  PROTOCOL_VERSION,
  SignalingClientFrameSchema,
  SignalingServerFrameSchema,
} from '@carillon/protocol';
import { WebSocket } from 'ws';
import type { Act, Heard, Side } from './call.ts';
import { HeardCounts } from './heard.ts';

type Body = NonNullable<MessageInitShape<typeof SignalingClientFrameSchema>['body']>;

const NOISE = new Uint8Array(randomBytes(8_192));

export class CarillonSide implements Side {
  readonly #ws: WebSocket;
  readonly #partner: Address;
  readonly #heard = new HeardCounts();
  readonly #answers = new Map<number, () => void>();
  #requestId = 0;
  #callId = '';

  private constructor(ws: WebSocket, partner: Address) {
    this.#ws = ws;
    this.#partner = partner;
    ws.on('message', (data: Buffer) => this.#onFrame(data));
  }

  static async open(url: string, token: string, partner: Address): Promise<CarillonSide> {
    const ws = new WebSocket(url.replace(/^http/, 'ws') + PATHS.signaling.socket, { perMessageDeflate: false });
    await once(ws, 'open');
    const side = new CarillonSide(ws, partner);
    await side.#request({ case: 'hello', value: { token, version: PROTOCOL_VERSION, heartbeatMs: 600_000 } });
    return side;
  }

  begin(callId: string): void {
    this.#callId = callId;
  }

  ask(act: Act): Promise<void> {
    const callId = this.#callId;
    if (act === 'create')
      return this.#request({ case: act, value: { callId, calleeAccountIds: [this.#partner.accountId] } });
    if (act === 'update') return this.#request({ case: act, value: { callId, video: true } });
    return this.#request({ case: act, value: { callId } });
  }

  relay(bytes: number): void {
    const value = { callId: this.#callId, to: this.#partner, sealed: NOISE.subarray(0, bytes) };
    this.#send({ case: 'relay', value }, 0);
  }

  hears(what: Heard, count = 1): Promise<void> {
    return this.#heard.more(what, count);
  }

  close(): void {
    this.#ws.terminate();
  }

  #request(body: Body): Promise<void> {
    const requestId = ++this.#requestId;
    this.#send(body, requestId);
    return new Promise((resolve) => this.#answers.set(requestId, resolve));
  }

  #send(body: Body, requestId: number): void {
    this.#ws.send(toBinary(SignalingClientFrameSchema, create(SignalingClientFrameSchema, { requestId, body })));
  }

  #onFrame(data: Buffer): void {
    const { replyTo, body } = fromBinary(SignalingServerFrameSchema, data);
    if (body.case === 'failure') throw new Error(`the server refused: ${body.value.code}`);
    const answer = this.#answers.get(replyTo);
    if (answer) {
      this.#answers.delete(replyTo);
      answer();
    } else if (body.case === 'relayed' || body.case === 'state' || body.case === 'ended') this.#heard.add(body.case);
  }
}
