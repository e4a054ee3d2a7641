// The same acts as frames of the same sizes, that a server only hands on.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type Act, type Heard, NEWS, type Side } from './call.ts';
import { HeardCounts } from './heard.ts';

/** First bytes of frames. */
export const FRAME = { answer: 0, relayed: 1, state: 2, ended: 3, unheard: 4 } as const;
/** Around a sealed blob, and of an act, as protobuf has them. */
const RELAY_BYTES = 56;
const ACT_BYTES = 32;

const HEARD: readonly (Heard | undefined)[] = [undefined, 'relayed', 'state', 'ended'];

export class BareSide implements Side {
  readonly #ws: WebSocket;
  readonly #heard = new HeardCounts();
  /** In order: every frame is answered. */
  readonly #answers: (() => void)[] = [];

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on('message', (data: Buffer) => {
      const heard = HEARD[data[0]!];
      if (heard) this.#heard.add(heard);
      else this.#answers.shift()?.();
    });
  }

  static async open(url: string, index: number): Promise<BareSide> {
    const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/${index}`, { perMessageDeflate: false });
    await once(ws, 'open');
    return new BareSide(ws);
  }

  begin(): void {}

  ask(act: Act): Promise<void> {
    const news = NEWS[act];
    this.#send(news ? FRAME[news] : FRAME.unheard, ACT_BYTES);
    return new Promise((resolve) => this.#answers.push(resolve));
  }

  relay(bytes: number): void {
    this.#send(FRAME.relayed, bytes + RELAY_BYTES);
    this.#answers.push(() => {});
  }

  hears(what: Heard, count = 1): Promise<void> {
    return this.#heard.more(what, count);
  }

  close(): void {
    this.#ws.terminate();
  }

  #send(kind: number, bytes: number): void {
    const frame = Buffer.alloc(bytes);
    frame[0] = kind;
    this.#ws.send(frame);
  }
}
