// A device as the server sees it, with real keys, over real HTTP and a real
// socket. Its ciphertexts are random bytes: the server can tell no difference.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import {
  type AccountId,
  type Address,
  bytesToBase64url,
  type CompleteLinkReply,
  type DeviceId,
  deviceListProof,
  type ErrorBody,
  kemPrekeyProof,
  type LinkReply,
  linkProof,
  loginProof,
  PATHS,
  prekeyProof,
  type RegistrationReply,
  registrationProof,
  type TokenReply,
  type VerifyReply,
} from '@carillon/protocol';
import { ml_kem1024 } from '@noble/post-quantum/ml-kem.js';
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

  kemPrekey(id: number, publicKey: Uint8Array = KEM_PUBLIC_KEY) {
    return {
      id,
      publicKey: bytesToBase64url(publicKey),
      signature: this.sign(kemPrekeyProof(id, publicKey)),
    };
  }

  /** As in the bodies of verify and of complete. */
  newDevice(oneTimePrekeys: readonly TestPrekey[] = []) {
    return {
      identityKey: bytesToBase64url(this.publicKey),
      signedPrekey: this.signedPrekey(1),
      oneTimePrekeys,
      kemPrekeys: [] as ReturnType<TestIdentity['kemPrekey']>[],
      lastResortKemPrekey: this.kemPrekey(1_000_000),
    };
  }

  /** The body of a verify request. */
  verifyBody(registrationId: string, code: string, oneTimePrekeys: readonly TestPrekey[]) {
    return {
      code,
      device: this.newDevice(oneTimePrekeys),
      proof: this.sign(registrationProof(registrationId)),
    };
  }

  /** Signed by this one, which is the primary: the first. */
  deviceList(accountId: AccountId, revision: number, others: readonly TestIdentity[]) {
    const identityKeys = [this, ...others].map(({ publicKey }) => new Uint8Array(publicKey));
    const proof = deviceListProof(accountId, revision, identityKeys);
    return { revision, identityKeys, signature: new Uint8Array(sign(null, proof, this.privateKey)) };
  }
}

/** Keys of prekeys are the same for all test devices: the server looks at their form only, and making one takes long. */
const KEM_PUBLIC_KEY = ml_kem1024.keygen().publicKey;

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

  private constructor(
    server: TestServer,
    identity: TestIdentity,
    reply: Pick<VerifyReply, 'accountId' | 'deviceId' | 'handle'> & Partial<VerifyReply>,
  ) {
    this.server = server;
    this.handle = reply.handle;
    this.identity = identity;
    this.accountId = reply.accountId;
    this.deviceId = reply.deviceId;
    this.replacedDevices = reply.replacedDevices ?? false;
  }

  static async register(server: TestServer, handle: string, prekeys = 0): Promise<TestDevice> {
    const identity = new TestIdentity();
    const { registrationId } = await post<RegistrationReply>(server.url + PATHS.messaging.registrations, { handle });
    const body = identity.verifyBody(registrationId, server.codeFor(handle), oneTimePrekeys(prekeys));
    const reply = await post<VerifyReply>(server.url + PATHS.messaging.verify(registrationId), body);
    return new TestDevice(server, identity, reply);
  }

  /** Becomes one of the primary's account; `others` are its linked devices so far. */
  static async link(primary: TestDevice, others: readonly TestDevice[] = [], revision?: number): Promise<TestDevice> {
    const { server, accountId } = primary;
    const identity = new TestIdentity();
    const { linkId } = await post<LinkReply>(server.url + PATHS.messaging.links, {});
    const listed = [...others.map((other) => other.identity), identity];
    const deviceList = primary.identity.deviceList(accountId, revision ?? listed.length, listed);
    const socket = await primary.connect();
    await socket.request(
      { case: 'offerLink', value: { linkId, sealed: new Uint8Array([1]), deviceList } },
      'ownDevices',
    );
    await socket.close();
    return TestDevice.completeLink(server, linkId, identity);
  }

  static async completeLink(server: TestServer, linkId: string, identity: TestIdentity): Promise<TestDevice> {
    const body = { device: identity.newDevice(), proof: identity.sign(linkProof(linkId)) };
    const reply = await post<CompleteLinkReply>(server.url + PATHS.messaging.completeLink(linkId), body);
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
