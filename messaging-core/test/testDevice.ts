// A device as the server sees it, with real keys, over real HTTP and a real
// socket. Its ciphertexts are random bytes: the server can tell no difference.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  type AccountId,
  type Address,
  bytesToBase64url,
  type DeviceId,
  type ErrorBody,
  loginProof,
  PATHS,
  prekeyProof,
  type RegistrationReply,
  registrationProof,
  type TokenReply,
  type VerifyReply,
} from '@carillon/protocol';
import { TestSocket } from './testSocket.ts';

export interface TestServer {
  readonly url: string;
  /** The last code sent to a handle. */
  codeFor(handle: string): string;
}

export interface TestPrekey {
  readonly id: number;
  readonly publicKey: string;
}

export class HttpFailure extends Error {
  readonly status: number;
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  constructor(status: number, body: ErrorBody) {
    super(`${status} ${body.error.code}`);
    this.status = status;
    this.code = body.error.code;
    this.retryAfterMs = body.error.retryAfterMs;
  }
}

/** @throws HttpFailure */
export async function post<T>(url: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  const json = await response.json();
  if (!response.ok) throw new HttpFailure(response.status, json as ErrorBody);
  return json as T;
}

export class TestIdentity {
  readonly privateKey: KeyObject;
  readonly publicKey: Buffer;

  constructor() {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.privateKey = privateKey;
    this.publicKey = Buffer.from(publicKey.export({ format: 'jwk' }).x!, 'base64url');
  }

  sign(message: Uint8Array): string {
    return bytesToBase64url(sign(null, message, this.privateKey));
  }

  signedPrekey(id: number) {
    const publicKey = x25519PublicKey();
    return {
      id,
      publicKey: bytesToBase64url(publicKey),
      signature: this.sign(prekeyProof(id, publicKey)),
    };
  }

  /** The body of a verify request. */
  verifyBody(registrationId: string, code: string, oneTimePrekeys: readonly TestPrekey[]) {
    return {
      code,
      device: {
        kemPrekeys: [],
        identityKey: bytesToBase64url(this.publicKey),
        signedPrekey: this.signedPrekey(1),
        oneTimePrekeys,
      },
      proof: this.sign(registrationProof(registrationId)),
    };
  }
}

export function x25519PublicKey(): Buffer {
  return Buffer.from(generateKeyPairSync('x25519').publicKey.export({ format: 'jwk' }).x!, 'base64url');
}

export function oneTimePrekeys(count: number, firstId = 1): TestPrekey[] {
  return Array.from({ length: count }, (_, index) => ({
    id: firstId + index,
    publicKey: bytesToBase64url(x25519PublicKey()),
  }));
}

export function messageId(): string {
  return bytesToBase64url(randomBytes(16));
}

export class TestDevice {
  readonly server: TestServer;
  readonly handle: string;
  readonly identity: TestIdentity;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
  readonly replacedDevices: boolean;

  private constructor(server: TestServer, identity: TestIdentity, reply: VerifyReply) {
    this.server = server;
    this.handle = reply.handle;
    this.identity = identity;
    this.accountId = reply.accountId;
    this.deviceId = reply.deviceId;
    this.replacedDevices = reply.replacedDevices;
  }

  static async register(server: TestServer, handle: string, prekeys = 0): Promise<TestDevice> {
    const identity = new TestIdentity();
    const { registrationId } = await post<RegistrationReply>(server.url + PATHS.messaging.registrations, { handle });
    const body = identity.verifyBody(registrationId, server.codeFor(handle), oneTimePrekeys(prekeys));
    const reply = await post<VerifyReply>(server.url + PATHS.messaging.verify(registrationId), body);
    return new TestDevice(server, identity, reply);
  }

  get address(): Address {
    return { accountId: this.accountId, deviceId: this.deviceId };
  }

  async login(server = this.server): Promise<string> {
    const { challenge } = await post<{ challenge: string }>(server.url + PATHS.messaging.challenges, this.address);
    const signature = this.identity.sign(loginProof(challenge));
    const reply = await post<TokenReply>(server.url + PATHS.messaging.tokens, {
      ...this.address,
      challenge,
      signature,
    });
    return reply.accessToken;
  }

  async connect(server = this.server): Promise<TestSocket> {
    const socket = await TestSocket.open(server.url);
    await socket.hello(await this.login(server));
    return socket;
  }
}
