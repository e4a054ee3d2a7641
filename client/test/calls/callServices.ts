// Real signaling and, if asked for, a real SFU behind one port, as the gateway
// has them; access tokens are signed by a key of the test.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type AccountId, type CallId, type DeviceId, type Handle, TOKEN } from '@carillon/protocol';
import { parseConfig, type RunningService, silentLog } from '@carillon/service';
import { createSfu, sfuConfigSchema } from '@carillon/sfu';
import { createSignaling, signalingConfig } from '@carillon/signaling';
import { createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { ContentHub, type TestAccount } from './contentHub.ts';

export const randomId = <T extends AccountId | CallId>() => randomBytes(16).toString('base64url') as T;

export interface CallServicesOptions {
  readonly sfu?: boolean;
  /** Served by path. */
  readonly files?: ReadonlyMap<string, string>;
  /** Of signaling: ICE servers. */
  readonly env?: Readonly<Record<string, string>>;
}

export class CallServices {
  readonly hub = new ContentHub();
  readonly #dataDir: string;
  readonly #key: CryptoKey;
  readonly #keys: ReturnType<typeof createLocalJWKSet>;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #files = new Map<string, string>();
  #env: Readonly<Record<string, string>> = {};
  #signaling: RunningService | undefined;
  #sfu: RunningService | undefined;

  private constructor(dataDir: string, key: CryptoKey, keys: ReturnType<typeof createLocalJWKSet>) {
    this.#dataDir = dataDir;
    this.#key = key;
    this.#keys = keys;
    this.#server = createServer(async (request, response) => {
      const url = new URL(request.url ?? '/', 'http://x');
      const file = this.#files.get(url.pathname);
      if (file !== undefined) {
        response.setHeader('content-type', url.pathname === '/' ? 'text/html' : 'text/javascript');
        response.end(file);
      } else if (!(await this.#signaling?.handleRequest?.(request, response, url))) {
        response.writeHead(404).end();
      }
    });
    this.#server.on('upgrade', (request, socket: Socket, head) => {
      const taken =
        this.#signaling?.handleUpgrade?.(request, socket, head) || this.#sfu?.handleUpgrade?.(request, socket, head);
      if (!taken) socket.destroy();
    });
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async start(options: CallServicesOptions = {}): Promise<CallServices> {
    const { publicKey, privateKey } = await generateKeyPair('Ed25519');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'test', alg: 'Ed25519' };
    const dataDir = await mkdtemp(join(tmpdir(), 'carillon-calls-'));
    const services = new CallServices(dataDir, privateKey, createLocalJWKSet({ keys: [jwk] }));
    for (const [path, text] of options.files ?? []) services.#files.set(path, text);
    services.#env = options.env ?? {};
    services.#server.listen(0, '127.0.0.1');
    await once(services.#server, 'listening');
    await services.startSignaling();
    if (options.sfu) await services.startSfu();
    return services;
  }

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async startSignaling(): Promise<void> {
    const env = { ...this.#env, CARILLON_DATA_DIR: this.#dataDir };
    this.#signaling = await createSignaling(parseConfig(signalingConfig, env), silentLog, { accessKeys: this.#keys });
  }

  /** As if its process were gone: the sockets end, and new ones are refused until it is started again. */
  async stopSignaling(): Promise<void> {
    const signaling = this.#signaling;
    this.#signaling = undefined;
    await signaling?.close();
  }

  async account(name: string): Promise<TestAccount> {
    return this.device(name, randomId<AccountId>(), 1);
  }

  /** One more device of an account, or its first. */
  async device(name: string, accountId: AccountId, deviceId: number): Promise<TestAccount> {
    const token = await new SignJWT({ dev: deviceId })
      .setProtectedHeader({ alg: 'Ed25519', kid: 'test' })
      .setSubject(accountId)
      .setIssuer(TOKEN.issuer.messaging)
      .setAudience(TOKEN.audience.access)
      .setExpirationTime('10m')
      .sign(this.#key);
    return { accountId, deviceId: deviceId as DeviceId, handle: name as Handle, name, token };
  }

  /** A file of two seconds of a tone, for devices to send. Gone with the services. */
  async sound(): Promise<string> {
    const file = join(this.#dataDir, 'sound.webm');
    const tone = ['-f', 'lavfi', '-i', 'sine=frequency=440:duration=2', '-c:a', 'libopus'];
    await promisify(execFile)('ffmpeg', ['-v', 'error', ...tone, file]);
    return file;
  }

  async close(): Promise<void> {
    await this.stopSignaling();
    await this.stopSfu();
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await rm(this.#dataDir, { recursive: true });
  }

  async stopSfu(): Promise<void> {
    const sfu = this.#sfu;
    this.#sfu = undefined;
    await sfu?.close();
  }

  async startSfu(): Promise<void> {
    const config = parseConfig(sfuConfigSchema, {
      CARILLON_SFU_RTC_PORT: '0',
      CARILLON_SFU_NODE: 'local',
      CARILLON_SIGNALING_URL: this.baseUrl,
    });
    this.#sfu = await createSfu({ config, log: silentLog });
  }
}
