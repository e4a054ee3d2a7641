// What every command stands on: where the device's folder and server are, where
// to write, and the opened SDK.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { CallsFactory } from '../api.ts';
import type { Carillon } from '../carillon.ts';
import { Output } from './output.ts';

const DEFAULT_SERVER = 'http://127.0.0.1:8080';
const SETTINGS = 'settings.json';
/** What has not gone by then goes with the next command. Longer: a command takes longer to end when a server is slow. */
const SETTLE_MS = 5_000;

const settingsSchema = z.object({ server: z.string() });
const globalsSchema = z.object({
  server: z.string().optional(),
  dataDir: z.string().optional(),
  json: z.boolean().default(false),
  insecure: z.boolean().default(false),
});

export interface SurroundingsOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: NodeJS.ReadStream;
  readonly stdout?: NodeJS.WritableStream & { isTTY?: boolean };
  readonly stderr?: NodeJS.WritableStream & { isTTY?: boolean };
}

export class Surroundings {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean };
  readonly stderr: NodeJS.WritableStream & { isTTY?: boolean };
  readonly #env: Readonly<Record<string, string | undefined>>;
  #globals: z.infer<typeof globalsSchema> = { json: false, insecure: false };
  #output: Output | undefined;
  #carillon: Carillon | undefined;

  constructor(options: SurroundingsOptions = {}) {
    this.#env = options.env ?? process.env;
    this.stdin = options.stdin ?? process.stdin;
    this.stdout = options.stdout ?? process.stdout;
    this.stderr = options.stderr ?? process.stderr;
  }

  configure(options: Record<string, unknown>): void {
    this.#globals = globalsSchema.parse(options);
    // The one switch that fetch, WebSocket and https share in Node.
    if (this.#globals.insecure) process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
  }

  get output(): Output {
    this.#output ??= new Output(this.stdout, this.stderr, this.#globals.json);
    return this.#output;
  }

  get isInteractive(): boolean {
    return Boolean(this.stdin.isTTY && this.stderr.isTTY) && !this.#globals.json;
  }

  get dataDir(): string {
    const { dataDir } = this.#globals;
    const given = dataDir ?? this.#env.CARILLON_CLIENT_DIR;
    if (given) return resolve(given);
    const home = join(homedir(), '.carillon');
    const shared = this.#env.XDG_DATA_HOME;
    return shared && !existsSync(home) ? join(shared, 'carillon') : home;
  }

  /** As given, else the one this device has signed up at. */
  get server(): string {
    const given = this.#globals.server ?? this.#env.CARILLON_SERVER ?? this.#remembered() ?? DEFAULT_SERVER;
    const url = URL.parse(given);
    if (!url || !/^https?:$/.test(url.protocol))
      throw new Error(`The server has to be an http or https address: ${given}`);
    return given.replace(/\/+$/, '');
  }

  /** So that later commands need not name it. */
  rememberServer(): void {
    mkdirSync(this.dataDir, { recursive: true, mode: 0o700 });
    writeFileSync(join(this.dataDir, SETTINGS), `${JSON.stringify({ server: this.server }, null, 2)}\n`);
  }

  /** The SDK, opened once. */
  async open(calls?: CallsFactory): Promise<Carillon> {
    // Loaded late, so that help and mistakes are answered at once.
    const { openCarillon } = await import('../node/openCarillon.ts');
    this.#carillon ??= await openCarillon({ baseUrl: this.server, dataDir: this.dataDir, calls });
    return this.#carillon;
  }

  /** @throws Error in words when nobody is signed in */
  async openSignedIn(calls?: CallsFactory): Promise<Carillon> {
    const carillon = await this.open(calls);
    if (!carillon.account) throw new Error('Nobody is signed in here yet. Sign up with: carillon register <handle>');
    return carillon;
  }

  async close(): Promise<void> {
    this.output.endProgress();
    const carillon = this.#carillon;
    this.#carillon = undefined;
    // Copies for the own other devices and receipts are on their way when the command has done its own.
    await carillon?.settle(SETTLE_MS);
    await carillon?.close();
  }

  #remembered(): string | undefined {
    try {
      return settingsSchema.parse(JSON.parse(readFileSync(join(this.dataDir, SETTINGS), 'utf8'))).server;
    } catch {
      return undefined;
    }
  }
}
