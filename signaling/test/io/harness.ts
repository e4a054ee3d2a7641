// A signaling service on a free port, with keys of the test's own, and devices
// that speak to it over real sockets.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AccountId,
  type CallId,
  type DeviceId,
  EndReason,
  PATHS,
  ParticipantState,
  PROTOCOL_VERSION,
  SignalingClientFrameSchema,
  type SignalingServerFrame,
  SignalingServerFrameSchema,
  TOKEN,
} from '@carillon/protocol';
import { listen, parseConfig, silentLog } from '@carillon/service';
import { createLocalJWKSet, exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { createSignaling, type SignalingOptions, signalingConfig, signalingService } from '../../src/index.ts';

export const newId = <Id extends AccountId | CallId>() => randomBytes(16).toString('base64url') as Id;

const { privateKey, publicKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519' });
export const accessJwks: JSONWebKeySet = { keys: [{ ...(await exportJWK(publicKey)), alg: 'EdDSA', kid: 'test' }] };

export function accessToken(accountId: string, deviceId: number, { expiresInSeconds = 600, key = privateKey } = {}) {
  return new SignJWT({ dev: deviceId })
    .setProtectedHeader({ alg: 'EdDSA', kid: 'test' })
    .setIssuer(TOKEN.issuer.messaging)
    .setAudience(TOKEN.audience.access)
    .setSubject(accountId)
    .setExpirationTime(Math.floor(Date.now() / 1000) + expiresInSeconds)
    .sign(key);
}

export type ClientBody = MessageInitShape<typeof SignalingClientFrameSchema>['body'];
type ServerCase = NonNullable<SignalingServerFrame['body']['case']>;
type Body<Case extends ServerCase> = Extract<SignalingServerFrame['body'], { case: Case }>['value'];

/** One device's socket. Frames that nobody waits for are kept in order. */
export class Device {
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly unasked: SignalingServerFrame[] = [];
  /** Frames of this socket, each way. */
  readonly frames = { sent: 0, received: 0 };
  #replies = new Map<number, (frame: SignalingServerFrame) => void>();
  #wake: (() => void)[] = [];
  #requestId = 0;

  constructor(url: string, accountId: AccountId, deviceId: DeviceId) {
    this.accountId = accountId;
    this.deviceId = deviceId;
    this.socket = new WebSocket(`${url.replace('http', 'ws')}${PATHS.signaling.socket}`);
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    this.socket.on('error', () => {});
    this.socket.on('message', (data: Buffer) => {
      const frame = fromBinary(SignalingServerFrameSchema, new Uint8Array(data));
      this.frames.received++;
      const waiting = this.#replies.get(frame.replyTo);
      this.#replies.delete(frame.replyTo);
      if (waiting) waiting(frame);
      else this.unasked.push(frame);
      for (const wake of this.#wake.splice(0)) wake();
    });
  }

  get address() {
    return { accountId: this.accountId, deviceId: this.deviceId };
  }

  async hello(token?: string) {
    await new Promise((resolve) => this.socket.once('open', resolve));
    const signed = token ?? (await accessToken(this.accountId, this.deviceId));
    return this.ask({ case: 'hello', value: { token: signed, version: PROTOCOL_VERSION } });
  }

  send(body: ClientBody, requestId = 0): void {
    this.frames.sent++;
    const frame = create(SignalingClientFrameSchema, { requestId, ...(body ? { body } : {}) });
    this.socket.send(toBinary(SignalingClientFrameSchema, frame));
  }

  ask(body: ClientBody): Promise<SignalingServerFrame> {
    const requestId = ++this.#requestId;
    const replied = new Promise<SignalingServerFrame>((resolve) => this.#replies.set(requestId, resolve));
    this.send(body, requestId);
    return replied;
  }

  /** The reply's body. @throws Error when it is another: the code of a failure is in the message. */
  async want<Case extends ServerCase>(wanted: Case, body: ClientBody): Promise<Body<Case>> {
    const reply = await this.ask(body);
    if (reply.body.case === wanted) return reply.body.value as Body<Case>;
    throw new Error(reply.body.case === 'failure' ? reply.body.value.code : `${reply.body.case}`);
  }

  /** The next unasked frame of a kind that passes; those before it stay. */
  async next<Case extends ServerCase>(wanted: Case, passes = (_: Body<Case>) => true): Promise<Body<Case>> {
    for (;;) {
      const index = this.unasked.findIndex(({ body }) => body.case === wanted && passes(body.value as Body<Case>));
      if (index !== -1) return this.unasked.splice(index, 1)[0]!.body.value as Body<Case>;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  async leave(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

export function temporaryDir(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'carillon-signaling-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

export class Harness {
  readonly dir = temporaryDir();
  readonly devices: Device[] = [];
  #listening: Awaited<ReturnType<typeof listen>> | undefined;

  get url(): string {
    if (!this.#listening) throw new Error('the service does not run');
    return this.#listening.url;
  }

  async start(env: Record<string, string> = {}, options: SignalingOptions = {}): Promise<void> {
    const config = parseConfig(signalingConfig, { CARILLON_DATA_DIR: this.dir.path, ...env });
    const service = await createSignaling(config, silentLog, { accessKeys: createLocalJWKSet(accessJwks), ...options });
    const { name, healthPath } = signalingService;
    this.#listening = await listen(service, { name, healthPath, host: '127.0.0.1', port: 0, log: silentLog });
  }

  async stop(): Promise<void> {
    await this.#listening?.close();
    this.#listening = undefined;
  }

  async device(accountId = newId<AccountId>(), deviceId = 1): Promise<Device> {
    const device = new Device(this.url, accountId, deviceId as DeviceId);
    this.devices.push(device);
    await device.hello();
    return device;
  }

  async end(): Promise<void> {
    for (const { socket } of this.devices) socket.terminate();
    await this.stop();
    this.dir.remove();
  }
}

/**
 * One of `rings` accepts. The others fall silent within one trip, counted in frames: beside the accept nobody says
 * anything, and each of the others is told one thing, that it is over.
 */
export async function acceptedInOneTrip(callId: CallId, caller: Device, winner: Device, rings: readonly Device[]) {
  const all = [caller, ...rings];
  const before = all.map(({ frames }) => ({ ...frames }));
  const counted = (device: Device, way: 'sent' | 'received') => device.frames[way] - before[all.indexOf(device)]![way];
  const losers = rings.filter((device) => device !== winner);
  const accepted = winner.want('state', { case: 'accept', value: { callId } });
  const ended = await Promise.all(losers.map((device) => device.next('ended')));
  for (const { reason } of ended) assert.equal(reason, EndReason.ACCEPTED_ELSEWHERE);
  for (const device of losers) assert.equal(counted(device, 'received'), 1);
  for (const device of all) assert.equal(counted(device, 'sent'), device === winner ? 1 : 0);
  await accepted;
  await caller.next('state', ({ participants }) => participants[1]?.state === ParticipantState.JOINED);
}
