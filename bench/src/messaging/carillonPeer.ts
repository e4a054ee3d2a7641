// messaging-core as a process of its own, and devices that speak its frames
// with real keys and tokens. What they send is random bytes: the server cannot
// tell.
import { type ChildProcess, fork } from 'node:child_process';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type Address,
  bytesToBase64url,
  EnvelopeKind,
  kemPrekeyProof,
  loginProof,
  MessagingClientFrameSchema,
  type MessagingServerFrame,
  MessagingServerFrameSchema,
  PATHS,
  PROTOCOL_VERSION,
  prekeyProof,
  registrationProof,
} from '@carillon/protocol';
import type { ServiceMessage } from '@carillon/service';
import { WebSocket } from 'ws';
import { type Client, cpuSecondsOf, type MessagingPeer, memoryBytesOf } from './peer.ts';

export const CIPHERTEXT_BYTES = 1024;
/** The SDK acknowledges what came together at once, up to 32. */
export const ACKS_TOGETHER = 8;
/** Where the mark lies in a ciphertext. */
const MARK_AT = 0;

type ClientFrame = MessageInitShape<typeof MessagingClientFrameSchema>;

export interface BenchDevice extends Address {
  readonly identity: ReturnType<typeof generateKeyPairSync>;
}

export interface CarillonPeer extends MessagingPeer {
  /** Devices of accounts of their own; they may connect and disconnect. */
  register(count: number): Promise<BenchDevice[]>;
  /** Challenge, signature, token, socket, welcome. */
  login(device: BenchDevice): Promise<MessagingSocket>;
}

export interface Engine {
  readonly name: string;
  readonly env: Readonly<Record<string, string>>;
  /** Processes whose time and memory count with the server's. */
  readonly pids: readonly number[];
  stop(): Promise<void>;
}

const EMBEDDED: Engine = { name: 'Carillon', env: {}, pids: [], stop: async () => {} };

/** What is measured is the path, not the limits on strangers. */
const LIMITS_LIFTED = {
  CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: '1000000',
  CARILLON_MESSAGING_REQUESTS_PER_SECOND_PER_ADDRESS: '100000',
  CARILLON_MESSAGING_FRAMES_PER_SECOND: '100000',
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ACCOUNT: '1000000',
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_DEVICE: '1000000',
  CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ADDRESS: '100000000',
};

export async function startCarillon(engine: Engine = EMBEDDED): Promise<CarillonPeer> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'carillon-bench-messaging-'));
  const codes = path.join(dataDir, 'codes');
  let server = await startServer(dataDir, codes, engine);
  const pids = () => [server.pid, ...engine.pids];
  const register = async (count: number) => {
    const devices: BenchDevice[] = [];
    for (let n = 0; n < count; n++) devices.push(await registerDevice(server.url, codes));
    return devices;
  };
  const login = (device: BenchDevice) => openSocket(server.url, device);
  return {
    name: engine.name,
    register,
    login,
    connect: async (count) => {
      const devices = await register(count);
      return Promise.all(devices.map(async (device, index) => (await login(device)).partnered(devices[index ^ 1]!)));
    },
    prepare: async (count) => {
      const waiting: { device: BenchDevice; token: string }[] = [];
      for (const device of await register(count))
        waiting.push({ device, token: await accessToken(server.url, device) });
      // Started anew: what registrations left behind is not what a connection costs.
      await server.stop();
      server = await startServer(dataDir, codes, engine);
      return (some) =>
        Promise.all(
          waiting
            .splice(0, some)
            .map(async ({ device, token }) => (await socketWith(server.url, token)).partnered(device)),
        );
    },
    cpuSeconds: () => pids().reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    memoryBytes: () => pids().reduce((sum, pid) => sum + memoryBytesOf(pid), 0),
    stop: async () => {
      await server.stop();
      await engine.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

interface ServerProcess {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

async function startServer(dataDir: string, codes: string, engine: Engine): Promise<ServerProcess> {
  const main = fileURLToPath(import.meta.resolve('@carillon/messaging-core').replace('index.ts', 'main.ts'));
  const child: ChildProcess = fork(main, [], {
    env: {
      PATH: process.env.PATH,
      CARILLON_MESSAGING_PORT: '0',
      CARILLON_DATA_DIR: dataDir,
      CARILLON_VERIFIER_FILE: codes,
      ...LIMITS_LIFTED,
      ...engine.env,
    },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning'],
  });
  const [message] = (await once(child, 'message')) as [ServiceMessage];
  if (message.type === 'failed') throw new Error(message.words);
  return {
    pid: child.pid!,
    url: `http://127.0.0.1:${message.port}`,
    stop: async () => {
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    },
  };
}

async function post<T>(url: string, body: unknown): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = (await response.json()) as T & { error?: { code: string } };
  if (!response.ok) throw new Error(`${response.status} ${answer.error?.code}`);
  return answer;
}

let handles = 0;

async function registerDevice(url: string, codes: string): Promise<BenchDevice> {
  const identity = generateKeyPairSync('ed25519');
  const signed = (message: Uint8Array) => bytesToBase64url(sign(null, message, identity.privateKey));
  const handle = `bench-${process.pid}-${++handles}`;
  const { registrationId } = await post<{ registrationId: string }>(url + PATHS.messaging.registrations, { handle });
  const lines = readFileSync(codes, 'utf8').trimEnd().split('\n');
  const code = lines.findLast((line) => line.startsWith(`${handle} `))!.split(' ')[1]!;
  const prekey = raw(generateKeyPairSync('x25519').publicKey);
  const kemPrekey = spkiTail(generateKeyPairSync('ml-kem-1024').publicKey, 1568);
  return {
    ...(await post<Address>(url + PATHS.messaging.verify(registrationId), {
      code,
      device: {
        identityKey: bytesToBase64url(raw(identity.publicKey)),
        signedPrekey: { id: 1, publicKey: bytesToBase64url(prekey), signature: signed(prekeyProof(1, prekey)) },
        oneTimePrekeys: [],
        lastResortKemPrekey: {
          id: 1,
          publicKey: bytesToBase64url(kemPrekey),
          signature: signed(kemPrekeyProof(1, kemPrekey)),
        },
        kemPrekeys: [],
      },
      proof: signed(registrationProof(registrationId)),
    })),
    identity,
  };
}

type PublicKey = ReturnType<typeof generateKeyPairSync>['publicKey'];

const raw = (key: PublicKey) => spkiTail(key, 32);

/** The key itself stands at the end of its SubjectPublicKeyInfo. */
function spkiTail(key: PublicKey, bytes: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(key.export({ format: 'der', type: 'spki' }).subarray(-bytes));
}

async function openSocket(url: string, device: BenchDevice): Promise<MessagingSocket> {
  return socketWith(url, await accessToken(url, device));
}

async function accessToken(url: string, device: BenchDevice): Promise<string> {
  const { accountId, deviceId } = device;
  const { challenge } = await post<{ challenge: string }>(url + PATHS.messaging.challenges, { accountId, deviceId });
  const signature = bytesToBase64url(sign(null, loginProof(challenge), device.identity.privateKey));
  const { accessToken } = await post<{ accessToken: string }>(url + PATHS.messaging.tokens, {
    accountId,
    deviceId,
    challenge,
    signature,
  });
  return accessToken;
}

async function socketWith(url: string, accessToken: string): Promise<MessagingSocket> {
  const ws = new WebSocket(url.replace(/^http/, 'ws') + PATHS.messaging.socket, { perMessageDeflate: false });
  await once(ws, 'open');
  const socket = new MessagingSocket(ws);
  await socket.request({
    case: 'hello',
    value: { token: accessToken, version: PROTOCOL_VERSION, heartbeatMs: 600_000 },
  });
  return socket;
}

export class MessagingSocket {
  readonly #ws: WebSocket;
  readonly #replies = new Map<number, (frame: MessagingServerFrame) => void>();
  #requestId = 0;
  #seqs: bigint[] = [];
  onDelivered: (mark: number) => void = () => {};
  onReply: () => void = () => {};

  constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on('message', (data: Buffer) => this.#onFrame(fromBinary(MessagingServerFrameSchema, data)));
  }

  /** @throws Error with the code of a refusal */
  async request(body: NonNullable<ClientFrame['body']>): Promise<MessagingServerFrame['body']> {
    const requestId = ++this.#requestId;
    const frame = await new Promise<MessagingServerFrame>((resolve) => {
      this.#replies.set(requestId, resolve);
      this.#send({ requestId, body });
    });
    if (frame.body.case === 'failure') throw new Error(frame.body.value.code);
    return frame.body;
  }

  partnered(partner: Address): Client {
    const ciphertext = randomBytes(CIPHERTEXT_BYTES);
    const self: Client = {
      send: (mark) => {
        ciphertext.writeDoubleBE(mark, MARK_AT);
        this.#send({
          requestId: ++this.#requestId,
          body: {
            case: 'send',
            value: {
              messageId: bytesToBase64url(new Uint8Array(randomBytes(16))),
              recipientAccountId: partner.accountId,
              envelopes: [
                { deviceId: partner.deviceId, kind: EnvelopeKind.RATCHET, ciphertext: new Uint8Array(ciphertext) },
              ],
            },
          },
        });
      },
      onAccepted: () => {},
      onDelivered: () => {},
      close: () => this.close(),
    };
    this.onDelivered = (mark) => self.onDelivered(mark);
    this.onReply = () => self.onAccepted();
    return self;
  }

  close(): void {
    this.#ws.terminate();
  }

  #send(frame: ClientFrame): void {
    this.#ws.send(toBinary(MessagingClientFrameSchema, create(MessagingClientFrameSchema, frame)));
  }

  #onFrame(frame: MessagingServerFrame): void {
    const waiting = this.#replies.get(frame.replyTo);
    if (waiting) {
      this.#replies.delete(frame.replyTo);
      waiting(frame);
      return;
    }
    const { body } = frame;
    if (body.case === 'failure') throw new Error(`the server refused: ${body.value.code}`);
    if (body.case === 'sent') this.onReply();
    if (body.case !== 'delivery') return;
    const { seq, ciphertext } = body.value;
    this.onDelivered(new DataView(ciphertext.buffer, ciphertext.byteOffset).getFloat64(MARK_AT));
    this.#seqs.push(seq);
    if (this.#seqs.length < ACKS_TOGETHER) return;
    this.#send({ requestId: ++this.#requestId, body: { case: 'ack', value: { seqs: this.#seqs } } });
    this.#seqs = [];
  }
}
