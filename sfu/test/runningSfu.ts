// A real sfu on a free port, keys of its own for tickets, and a plain client
// that speaks frames.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  PATHS,
  PROTOCOL_VERSION,
  SfuClientFrameSchema,
  type SfuServerFrame,
  SfuServerFrameSchema,
  TOKEN,
} from '@carillon/protocol';
import { type ListeningService, listen, parseConfig, silentLog } from '@carillon/service';
import { createLocalJWKSet, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { createSfu, type SfuOptions, sfuConfigSchema } from '../src/index.ts';
import { locateWorker } from '../worker/locate.ts';

/** For node:test's `skip`: false, or why tests that need a worker cannot run. */
export const noWorker = locateWorker() ? false : 'no mediasoup worker runs here: node sfu/worker/install.ts';

export const randomId = () => randomBytes(16).toString('base64url');

export interface RunningSfu {
  readonly service: ListeningService;
  ticket(claims?: JWTPayload): Promise<string>;
  close(): Promise<void>;
}

export async function startSfu(
  env: Record<string, string> = {},
  options: Partial<SfuOptions> = {},
): Promise<RunningSfu> {
  const { publicKey, privateKey } = await generateKeyPair('Ed25519');
  const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'Ed25519' };
  const config = parseConfig(sfuConfigSchema, {
    CARILLON_SFU_RTC_PORT: '0',
    CARILLON_SFU_NODE: 'node-a',
    ...env,
  });
  const sfu = await createSfu({
    config,
    log: silentLog,
    keys: createLocalJWKSet({ keys: [jwk] }),
    emptyGraceMs: 50,
    ...options,
  });
  const service = await listen(sfu, {
    name: 'sfu',
    healthPath: PATHS.sfu.health,
    host: '127.0.0.1',
    port: 0,
    log: silentLog,
  });
  return {
    service,
    close: () => service.close(),
    ticket: (claims = {}) =>
      new SignJWT({ dev: 1, room: 'AAAAAAAAAAAAAAAAAAAAAA', num: 1, node: 'node-a', sub: randomId(), ...claims })
        .setProtectedHeader({ alg: 'Ed25519', kid: 'test' })
        .setIssuer((claims.iss as string) ?? TOKEN.issuer.signaling)
        .setAudience((claims.aud as string) ?? TOKEN.audience.room)
        .setExpirationTime(claims.exp ?? Math.floor(Date.now() / 1000) + 60)
        .sign(privateKey),
  };
}

type ClientBody = NonNullable<MessageInitShape<typeof SfuClientFrameSchema>['body']>;
type ServerCase = NonNullable<SfuServerFrame['body']['case']>;
type BodyOf<Case extends ServerCase> = Extract<SfuServerFrame['body'], { case: Case }>['value'];

/** A socket that remembers everything it got, and waits for what has not come yet. */
export class FrameClient {
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #frames: SfuServerFrame[] = [];
  readonly #arrived = new EventTarget();
  #requestId = 0;

  constructor(sfu: RunningSfu) {
    this.socket = new WebSocket(`${sfu.service.url.replace('http', 'ws')}${PATHS.sfu.socket}`);
    this.socket.binaryType = 'arraybuffer';
    this.socket.addEventListener('message', ({ data }) => {
      this.#frames.push(fromBinary(SfuServerFrameSchema, new Uint8Array(data as ArrayBuffer)));
      this.#arrived.dispatchEvent(new Event('frame'));
    });
    this.closed = once(this.socket, 'close').then(([event]) => ({
      code: (event as CloseEvent).code,
      reason: (event as CloseEvent).reason,
    }));
    this.closed.then(() => this.#arrived.dispatchEvent(new Event('frame')));
  }

  static async join(sfu: RunningSfu, claims: JWTPayload = {}): Promise<FrameClient> {
    const client = new FrameClient(sfu);
    await client.hello(await sfu.ticket(claims));
    return client;
  }

  async opened(): Promise<void> {
    if (this.socket.readyState === WebSocket.CONNECTING) await once(this.socket, 'open');
  }

  async hello(token: string, version = PROTOCOL_VERSION): Promise<SfuServerFrame['body']> {
    await this.opened();
    return this.request({ case: 'hello', value: { token, version } });
  }

  async request(body: ClientBody): Promise<SfuServerFrame['body']> {
    const requestId = ++this.#requestId;
    this.socket.send(toBinary(SfuClientFrameSchema, create(SfuClientFrameSchema, { requestId, body })));
    return (await this.#next((frame) => frame.replyTo === requestId)).body;
  }

  /** The code of the refusal that this request must get. */
  async refused(body: ClientBody): Promise<string> {
    const answer = await this.request(body);
    return answer.case === 'failure' ? answer.value.code : `answered ${answer.case}`;
  }

  async expect<Case extends ServerCase>(
    name: Case,
    isIt: (value: BodyOf<Case>) => boolean = () => true,
  ): Promise<BodyOf<Case>> {
    const { body } = await this.#next(
      (frame) => frame.replyTo === 0 && frame.body.case === name && isIt(frame.body.value as BodyOf<Case>),
    );
    return body.value as BodyOf<Case>;
  }

  close(): void {
    this.socket.close();
  }

  async #next(matches: (frame: SfuServerFrame) => boolean): Promise<SfuServerFrame> {
    for (;;) {
      const index = this.#frames.findIndex(matches);
      if (index >= 0) return this.#frames.splice(index, 1)[0]!;
      if (this.socket.readyState >= WebSocket.CLOSING) {
        const { code, reason } = await this.closed;
        throw new Error(`closed ${code} ${reason}`);
      }
      await once(this.#arrived, 'frame');
    }
  }
}
