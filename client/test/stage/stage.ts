// The real services in this process, on free ports and in a folder of their own,
// behind one origin as the gateway does it; and devices with real stores.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { config as mediaConfigSchema, mediaService } from '@carillon/media-pipeline';
import { createMessaging, messagingConfigSchema, messagingService } from '@carillon/messaging-core';
import { type ListeningService, listen, parseConfig, silentLog } from '@carillon/service';
import type { CallsFactory } from '../../src/api.ts';
import { Carillon } from '../../src/carillon.ts';
import { nodePlatform } from '../../src/node/openCarillon.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import type { Platform, Store } from '../../src/ports.ts';

const codes = new Map<string, string>();

/** The last code sent to a handle. */
export const codeOf = (handle: string): string => codes.get(handle) ?? '';

export interface DeviceOptions {
  /** Around the device's SQLite store. */
  readonly store?: (store: Store) => Store;
  /** Instead of it. */
  readonly replaceStore?: () => Promise<Store>;
  readonly platform?: Partial<Platform>;
  readonly calls?: CallsFactory;
  /** Says yes to whoever writes first; default true. */
  readonly accepts?: boolean;
}

export class Stage {
  readonly dir = mkdtempSync(join(tmpdir(), 'carillon-client-'));
  /** Milliseconds that the servers' clock is ahead. */
  skewMs = 0;
  /** Looks at, or breaks, requests to the media service. True: it was dealt with. */
  interceptMedia: ((request: IncomingMessage, socket: IncomingMessage['socket']) => boolean) | undefined;
  /** Served as they are, by path. */
  readonly pages = new Map<string, { type: string; body: string | Uint8Array }>();
  /** Bytes of a download after which the connection is cut, once. */
  cutDownloadsAfter: number | undefined;
  /** Flips a bit of each download. */
  tamperDownloads = false;
  #messaging: ListeningService | undefined;
  #media: ListeningService | undefined;
  #front: Server | undefined;
  #messagingPort = 0;
  readonly #devices: Carillon[] = [];

  get baseUrl(): string {
    return `http://127.0.0.1:${(this.#front!.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    await this.startMessaging();
    await this.startMedia();
    await this.#startFront();
    return this;
  }

  async startMessaging(): Promise<void> {
    const config = parseConfig(messagingConfigSchema, {
      CARILLON_DATA_DIR: this.dir,
      CARILLON_MESSAGING_CODES_PER_HOUR_PER_HANDLE: '1000',
      CARILLON_MESSAGING_CODES_PER_HOUR_PER_ADDRESS: '100000',
    });
    const service = await createMessaging({
      config,
      log: silentLog,
      now: () => Date.now() + this.skewMs,
      verifier: {
        sendCode: async (handle: string, code: string) => {
          codes.set(handle, code);
        },
      },
    });
    const { name, healthPath } = messagingService;
    this.#messaging = await listen(service, {
      name,
      healthPath,
      host: '127.0.0.1',
      port: this.#messagingPort,
      log: silentLog,
    });
    this.#messagingPort = this.#messaging.port;
  }

  async stopMessaging(): Promise<void> {
    await this.#messaging?.close();
    this.#messaging = undefined;
  }

  async startMedia(): Promise<void> {
    const config = parseConfig(mediaConfigSchema, {
      CARILLON_DATA_DIR: this.dir,
      CARILLON_MEDIA_FREE_BYTES_MIN: '0',
      CARILLON_MESSAGING_URL: `http://127.0.0.1:${this.#messagingPort}`,
    });
    const { name, healthPath } = mediaService;
    const service = await mediaService.start(config, silentLog);
    this.#media = await listen(service, { name, healthPath, host: '127.0.0.1', port: 0, log: silentLog });
  }

  /** A device with its store in `name`; the same name is the same device again. */
  async device(name: string, options: DeviceOptions = {}): Promise<Carillon> {
    const store = (await options.replaceStore?.()) ?? new SqliteStore(join(this.dir, `${name}.db`));
    const platform = { ...nodePlatform(options.store?.(store) ?? store), ...options.platform };
    const device = await Carillon.open({ platform, baseUrl: this.baseUrl, calls: options.calls });
    this.#devices.push(device);
    if (options.accepts !== false) {
      device.on('conversation', ({ id, request }) => {
        if (request) device.acceptRequest(id).catch(() => {});
      });
    }
    return device;
  }

  /** A device that has signed up with its name as handle. */
  async person(name: string, options: DeviceOptions = {}): Promise<Carillon> {
    const device = await this.device(name, options);
    await this.signUp(device, name);
    return device;
  }

  async signUp(device: Carillon, handle: string): Promise<void> {
    const { registrationId } = await device.beginRegistration(handle);
    await device.finishRegistration(registrationId, codes.get(handle)!, '');
    await until(device, 'connection', () => device.connection.state === 'online');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.close()));
    this.#front?.closeAllConnections();
    await new Promise((resolve) => this.#front?.close(resolve) ?? resolve(undefined));
    await this.#messaging?.close();
    await this.#media?.close();
    rmSync(this.dir, { recursive: true, force: true });
  }

  #passDownload(answer: IncomingMessage, outgoing: ServerResponse): void {
    let bytes = 0;
    answer.on('data', (part: Buffer) => {
      if (this.tamperDownloads && bytes === 0) part[part.length >> 1]! ^= 1;
      bytes += part.length;
      outgoing.write(part);
      if (this.cutDownloadsAfter !== undefined && bytes > this.cutDownloadsAfter) {
        this.cutDownloadsAfter = undefined;
        answer.destroy();
        // What was written is to arrive before the cut.
        setTimeout(() => outgoing.destroy(), 50);
      }
    });
    answer.on('end', () => outgoing.end());
    answer.on('error', () => outgoing.destroy());
  }

  async #startFront(): Promise<void> {
    const portOf = (url: string) => (url.startsWith('/media/') ? this.#media?.port : this.#messaging?.port);
    const front = createServer((incoming, outgoing) => {
      const { url = '/', method, headers } = incoming;
      const page = this.pages.get(url);
      if (page) {
        outgoing.writeHead(200, { 'content-type': page.type }).end(page.body);
        return;
      }
      if (url.startsWith('/media/') && this.interceptMedia?.(incoming, incoming.socket)) return;
      const onward = request({ port: portOf(url) ?? 1, host: '127.0.0.1', path: url, method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        if (method === 'GET' && url.startsWith('/media/')) this.#passDownload(answer, outgoing);
        else answer.pipe(outgoing);
      });
      onward.on('error', () => (outgoing.headersSent ? outgoing.destroy() : outgoing.writeHead(502).end()));
      incoming.on('error', () => onward.destroy());
      incoming.on('close', () => {
        if (!incoming.complete) onward.destroy();
      });
      incoming.pipe(onward);
    });
    front.on('upgrade', (incoming: IncomingMessage, socket, head) => {
      const onward = connect({ port: portOf(incoming.url ?? '') ?? 1, host: '127.0.0.1' }, () => {
        const headers = Object.entries(incoming.headers).map(([name, value]) => `${name}: ${value}\r\n`);
        onward.write(`GET ${incoming.url} HTTP/1.1\r\n${headers.join('')}\r\n`);
        onward.write(head);
        onward.pipe(socket).pipe(onward);
      });
      onward.on('error', () => socket.destroy());
      socket.on('error', () => onward.destroy());
      socket.on('close', () => onward.destroy());
    });
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    this.#front = front;
  }
}

/** Resolves when `condition` holds; it is asked now and after each such event. */
export function until(
  device: Carillon,
  event: Parameters<Carillon['on']>[0],
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 15_000,
): Promise<void> {
  const why = new Error(`waited in vain for a ${event} event`);
  return new Promise((resolve, reject) => {
    const check = async () => {
      if (await condition()) end(resolve);
    };
    const timer = setTimeout(() => end(() => reject(why)), timeoutMs);
    const stop = device.on(event, () => void check().catch(reject));
    const end = (then: () => void) => {
      clearTimeout(timer);
      stop();
      then();
    };
    void check().catch(reject);
  });
}
