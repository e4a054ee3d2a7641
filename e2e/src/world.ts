// One whole Carillon for a test: the real services behind the real front door,
// real browsers, and people in them. Everything is temporary and ends with it.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type System, startSystem } from '@carillon/gateway';
import { createLog, silentLog } from '@carillon/service';
import { ensureWorker } from '@carillon/sfu/worker';
import { type Browser, chromium } from 'playwright-core';
import { Person } from './person.ts';

export const WEB_DIST = path.resolve(import.meta.dirname, '../../web/dist');
export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** What a test's browsers are started with. */
export const CHROMIUM_FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--use-fake-ui-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  '--disable-renderer-backgrounding',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  // Host candidates as addresses: two fresh profiles cannot resolve each other's mDNS names here.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export interface WorldOptions {
  /** Records what the relay and the sfu pass on (`tapFiles`); costs them processor. */
  readonly taps?: boolean;
  /** More configuration for the services. */
  readonly env?: Readonly<Record<string, string>>;
}

export class World {
  readonly dir: string;
  readonly #options: WorldOptions;
  #system: System | undefined;
  #browsers: Browser[] = [];
  #ports: { web: number; turn: number } | undefined;

  private constructor(options: WorldOptions) {
    this.#options = options;
    this.dir = mkdtempSync(path.join(tmpdir(), 'carillon-e2e-'));
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    try {
      await ensureWorker({ log: () => {} });
      await world.start();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get dataDir(): string {
    return path.join(this.dir, 'data');
  }

  get tapFiles(): { readonly sfu: string; readonly turn: string } {
    return { sfu: path.join(this.dir, 'sfu.tap'), turn: path.join(this.dir, 'turn.tap') };
  }

  get system(): System {
    if (!this.#system) throw new Error('the system is not running');
    return this.#system;
  }

  get url(): string {
    return this.system.url;
  }

  /** Starts the system; a second time on the same ports and data. */
  async start(): Promise<void> {
    this.#system = await startSystem({
      dataDir: this.dataDir,
      host: '127.0.0.1',
      port: this.#ports?.web ?? 0,
      mediaAddress: '127.0.0.1',
      turnPort: this.#ports?.turn ?? 0,
      sfuPort: 0,
      webDir: WEB_DIST,
      env: {
        CARILLON_VERIFIER_FILE: this.#codes,
        ...(this.#options.taps
          ? { CARILLON_SFU_TAP_FILE: this.tapFiles.sfu, CARILLON_TURN_TAP_FILE: this.tapFiles.turn }
          : {}),
        ...this.#options.env,
      },
      log: process.env.CARILLON_E2E_LOG ? createLog('e2e') : silentLog,
      quiet: !process.env.CARILLON_E2E_LOG,
    });
    this.#ports = { web: this.#system.port, turn: this.#system.turnPort };
  }

  /** Kills every service at once, as a power cut would, and closes the port. */
  async kill(): Promise<void> {
    const { services } = this.system;
    for (const service of Object.values(services)) if (service.pid) process.kill(service.pid, 'SIGKILL');
    await this.system.stop();
    this.#system = undefined;
  }

  /** Looks while no service runs: what is on the disk then is what a power cut would leave. */
  frozen<T>(look: () => T): T {
    const running = Object.values(this.system.services).flatMap(({ pid }) => pid ?? []);
    for (const pid of running) process.kill(pid, 'SIGSTOP');
    try {
      return look();
    } finally {
      for (const pid of running) process.kill(pid, 'SIGCONT');
    }
  }

  /** A browser of their own for each: nothing is shared but the network. */
  async person(
    handle: string,
    options: { query?: string; viewport?: { width: number; height: number } } = {},
  ): Promise<Person> {
    const browser = await chromium.launch({
      executablePath: CHROMIUM,
      headless: true,
      chromiumSandbox: process.getuid?.() !== 0,
      args: CHROMIUM_FLAGS,
    });
    this.#browsers.push(browser);
    const context = await browser.newContext({
      viewport: options.viewport ?? { width: 900, height: 700 },
      permissions: ['camera', 'microphone', 'notifications'],
    });
    return Person.open(context, { url: this.url + (options.query ?? ''), handle, code: () => this.codeFor(handle) });
  }

  /** The last code that the verifier made for a handle. */
  codeFor(handle: string): string | undefined {
    return codeFor(this.#codes, handle);
  }

  /** Turns one bit in the middle of the blob that was stored last. */
  tamperNewestBlob(): void {
    const blobs = path.join(this.dataDir, 'media/blobs');
    const files = readdirSync(blobs, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort((a, b) => statSync(a).mtimeMs - statSync(b).mtimeMs);
    const newest = files.at(-1);
    if (!newest) throw new Error('no blob is stored');
    const bytes = readFileSync(newest);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(newest, bytes);
  }

  get #codes(): string {
    return path.join(this.dir, 'codes');
  }

  async close(): Promise<void> {
    await Promise.all(this.#browsers.map((browser) => browser.close().catch(() => {})));
    await this.#system?.stop();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The last code for a handle in the file that the verifier writes. */
export function codeFor(file: string, handle: string): string | undefined {
  const lines = readFileSync(file, { encoding: 'utf8', flag: 'a+' }).trim().split('\n');
  return lines.findLast((line) => line.startsWith(`${handle} `))?.split(' ')[1];
}
