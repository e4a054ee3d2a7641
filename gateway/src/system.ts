// The composition root: the five services as processes, wired by tokens, and
// the front door before them. `npm start`, the end-to-end tests and the
// benchmarks all start the system here.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { HealthReply } from '@carillon/protocol';
import { PATHS } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { type FrontDoor, openFrontDoor } from './frontDoor.ts';
import { turnSecret } from './secrets.ts';
import { ServiceProcess } from './serviceProcess.ts';
import {
  listenAddress,
  mediaEnvironment,
  type ServiceEnvironment,
  sfuEnvironment,
  signalingEnvironment,
  turnEnvironment,
  type Wiring,
} from './wiring.ts';

export const SERVICE_NAMES = ['messaging-core', 'signaling', 'sfu', 'turn', 'media-pipeline'] as const;
export type ServiceName = (typeof SERVICE_NAMES)[number];

export interface SystemOptions {
  readonly dataDir: string;
  /** Where the front door listens. */
  readonly host: string;
  readonly port: number;
  readonly tls?: { readonly certificate: string; readonly key: string };
  /** By which clients reach the relay and the SFU: this machine's address, as they see it. */
  readonly mediaAddress: string;
  /** UDP port of the relay, UDP and TCP port of the SFU; 0 takes free ones. */
  readonly turnPort: number;
  /** TCP port on which the relay speaks TLS with the certificate above; not without both. */
  readonly turnTlsPort?: number | undefined;
  readonly sfuPort: number;
  readonly webDir: string;
  /** More configuration for the services (tests: taps, short times). */
  readonly env?: Readonly<Record<string, string>>;
  readonly log: Log;
  /** The services' own lines are dropped (tests). */
  readonly quiet?: boolean;
  onStarting?(name: ServiceName): void;
}

export interface System {
  readonly port: number;
  readonly turnPort: number;
  readonly url: string;
  readonly services: Readonly<Record<ServiceName, ServiceProcess>>;
  health(): Promise<Record<ServiceName, HealthReply>>;
  stop(): Promise<void>;
}

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const TURN_HEALTH = '/turn/health';

/** First path segment to service; a Map, because strangers choose the segment. The relay speaks no HTTP but its health. */
const SEGMENTS: ReadonlyMap<string, ServiceName> = new Map([
  ['messaging', 'messaging-core'],
  ['signaling', 'signaling'],
  ['sfu', 'sfu'],
  ['media', 'media-pipeline'],
  ['turn', 'turn'],
]);

/** @throws Error in words when a service cannot start or the port is taken; nothing is left running. */
export async function startSystem(options: SystemOptions): Promise<System> {
  const { dataDir, log, mediaAddress, sfuPort, tls, turnTlsPort } = options;
  mkdirSync(dataDir, { recursive: true });
  const turnPort = options.turnPort || (await freeTurnPort(listenAddress(mediaAddress)));
  const turnTls = tls && turnTlsPort ? { ...tls, port: turnTlsPort } : undefined;
  // What is no number is said by the relay, in its own words.
  const turnWorkers = Number(options.env?.CARILLON_TURN_WORKERS ?? process.env.CARILLON_TURN_WORKERS ?? 1);
  const wiring: Wiring = { mediaAddress, turnPort, turnWorkers, turnTls, sfuPort, turnSecret: turnSecret(dataDir) };
  const common = { ...options.env, CARILLON_DATA_DIR: dataDir };
  const service = (name: ServiceName, portVariable: string, env?: ServiceEnvironment) =>
    new ServiceProcess({
      name,
      main: path.join(root, name, 'src/main.ts'),
      portVariable,
      env: { ...env?.told, ...common },
      defaults: env?.proposed ?? {},
      log,
      quiet: options.quiet ?? false,
    });

  const started: ServiceProcess[] = [];
  const start = async (process: ServiceProcess) => {
    started.push(process);
    options.onStarting?.(process.name as ServiceName);
    await process.start();
    return process;
  };
  let door: FrontDoor | undefined;
  const stop = async () => {
    await door?.close();
    await Promise.all(started.map((process) => process.stop()));
  };
  try {
    const messaging = await start(service('messaging-core', 'CARILLON_MESSAGING_PORT'));
    const [signaling, media, turn] = await Promise.all([
      start(service('signaling', 'CARILLON_SIGNALING_PORT', signalingEnvironment(wiring, messaging.url))),
      start(service('media-pipeline', 'CARILLON_MEDIA_PORT', mediaEnvironment(messaging.url))),
      start(service('turn', 'CARILLON_TURN_HTTP_PORT', turnEnvironment(wiring))),
    ]);
    const sfu = await start(service('sfu', 'CARILLON_SFU_HTTP_PORT', sfuEnvironment(wiring, signaling.url)));
    const services = { 'messaging-core': messaging, signaling, sfu, turn, 'media-pipeline': media };
    door = await openFrontDoor({
      host: options.host,
      port: options.port,
      ...(options.tls ? { tls: options.tls } : {}),
      webDir: options.webDir,
      log,
      route: (segment) => {
        const name = SEGMENTS.get(segment);
        return name === undefined ? undefined : services[name].url;
      },
    });
    const shownHost = options.host === '127.0.0.1' ? 'localhost' : mediaAddress;
    return {
      port: door.port,
      turnPort,
      url: `${options.tls ? 'https' : 'http'}://${shownHost}:${door.port}/`,
      services,
      health: async () => {
        const replies = SERVICE_NAMES.map(async (name) => [name, await health(services[name])] as const);
        return Object.fromEntries(await Promise.all(replies)) as Record<ServiceName, HealthReply>;
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const HEALTH_PATHS: Readonly<Record<ServiceName, string>> = {
  'messaging-core': PATHS.messaging.health,
  signaling: PATHS.signaling.health,
  sfu: PATHS.sfu.health,
  turn: TURN_HEALTH,
  'media-pipeline': PATHS.media.health,
};

async function health(service: ServiceProcess): Promise<HealthReply> {
  try {
    const response = await fetch(service.url + HEALTH_PATHS[service.name as ServiceName], {
      signal: AbortSignal.timeout(3_000),
    });
    return (await response.json()) as HealthReply;
  } catch (error) {
    return {
      service: service.name,
      ok: false,
      problems: [`does not answer: ${error instanceof Error ? error.message : String(error)}`],
    };
  }
}

/** Free for UDP and for TCP: the relay listens on both. */
async function freeTurnPort(address: string): Promise<number> {
  for (;;) {
    const listener = createServer().listen(0, address);
    await once(listener, 'listening');
    const { port } = listener.address() as AddressInfo;
    const socket = createSocket('udp4');
    const isFree = await new Promise<boolean>((resolve) => {
      socket.once('error', () => resolve(false));
      socket.bind(port, address, () => resolve(true));
    });
    await new Promise<void>((resolve) => socket.close(resolve));
    await new Promise((resolve) => listener.close(resolve));
    if (isFree) return port;
  }
}
