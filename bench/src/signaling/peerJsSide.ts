// The same call by PeerServer's messages: JSON, sealed bytes as base64.
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { WebSocket } from 'ws';
import { type Act, type Heard, NEWS, type Side } from './call.ts';
import { HeardCounts } from './heard.ts';

const NOISE = randomBytes(8_192).toString('base64');
const TYPES = { relayed: 'CANDIDATE', state: 'ANSWER', ended: 'EXPIRE' } as const;

export class PeerJsSide implements Side {
  readonly #ws: WebSocket;
  readonly #partner: string;
  readonly #heard = new HeardCounts();
  #callId = '';

  private constructor(ws: WebSocket, partner: string) {
    this.#ws = ws;
    this.#partner = partner;
    ws.on('message', (data: Buffer) => {
      const { type } = JSON.parse(data.toString()) as { type: string };
      for (const what of ['relayed', 'state', 'ended'] as const) if (TYPES[what] === type) this.#heard.add(what);
    });
  }

  static async open(url: string, index: number): Promise<PeerJsSide> {
    const query = `key=peerjs&id=device${index}&token=t${index}`;
    const ws = new WebSocket(`${url.replace(/^http/, 'ws')}/peerjs?${query}`, { perMessageDeflate: false });
    await once(ws, 'open');
    return new PeerJsSide(ws, `device${index ^ 1}`);
  }

  begin(callId: string): void {
    this.#callId = callId;
  }

  async ask(act: Act): Promise<void> {
    const news = NEWS[act];
    if (news) this.#send(news, { act });
  }

  relay(bytes: number): void {
    this.#send('relayed', { sealed: NOISE.slice(0, Math.ceil((bytes * 4) / 3)) });
  }

  hears(what: Heard, count = 1): Promise<void> {
    return this.#heard.more(what, count);
  }

  close(): void {
    this.#ws.terminate();
  }

  #send(what: Heard, payload: object): void {
    const message = { type: TYPES[what], dst: this.#partner, payload: { callId: this.#callId, ...payload } };
    this.#ws.send(JSON.stringify(message));
  }
}
