// Carillon on a laboratory's internet, and people with real browsers on its
// hosts. Everything is temporary and ends with it.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CHROMIUM, CHROMIUM_FLAGS, codeFor, Person, WEB_DIST } from '@carillon/e2e';
import { ensureWorker } from '@carillon/sfu/worker';
import { type Browser, chromium } from 'playwright-core';
import { INTERNET } from '../core/addresses.ts';
import { Controlled } from '../io/controlled.ts';
import type { Host } from '../io/host.ts';
import { Lab } from '../io/lab.ts';
import type { SystemReply, SystemRequest } from './messages.ts';

const MAIN = path.join(import.meta.dirname, 'systemMain.ts');

export interface LabWorldOptions {
  /** More configuration for the services. */
  readonly env?: Readonly<Record<string, string>>;
}

export class LabWorld {
  readonly lab: Lab;
  readonly dir: string;
  readonly url: string;
  readonly #system: Controlled<SystemRequest, SystemReply>;
  readonly #browsers: Browser[] = [];

  /** @throws Error in words where there can be no laboratory (`whyNoLab`) */
  static async open(options: LabWorldOptions = {}): Promise<LabWorld> {
    await ensureWorker({ log: () => {} });
    const world = new LabWorld(Lab.open());
    try {
      await world.#start(options.env ?? {});
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  private constructor(lab: Lab) {
    this.lab = lab;
    this.dir = mkdtempSync(path.join(tmpdir(), 'carillon-netlab-'));
    this.url = `https://${lab.servers[0]}/`;
    this.#system = new Controlled(lab.internet, 'the system', MAIN);
  }

  /** A browser of their own, on that host; not signed up yet. */
  async person(handle: string, host: Host, options: { readonly query?: string } = {}): Promise<Person> {
    const browser = await chromium.launch({
      executablePath: this.#launcher(host),
      headless: true,
      chromiumSandbox: false,
      // The certificate is made here; the relay's is asked for by no page, so that no exception could be made for it.
      args: [...CHROMIUM_FLAGS, '--ignore-certificate-errors'],
    });
    this.#browsers.push(browser);
    const context = await browser.newContext({
      viewport: { width: 900, height: 700 },
      permissions: ['camera', 'microphone', 'notifications'],
    });
    const url = this.url + (options.query ?? '');
    return Person.open(context, { url, handle, code: () => codeFor(this.#codes, handle) });
  }

  async close(): Promise<void> {
    await Promise.all(this.#browsers.map((browser) => browser.close().catch(() => {})));
    await this.#system.request({ do: 'stop' }).catch(() => {});
    this.#system.end();
    this.lab.close();
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(env: Readonly<Record<string, string>>): Promise<void> {
    const [webAddress, mediaAddress] = this.lab.servers as readonly [string, string];
    await this.#system.request({
      do: 'start',
      dataDir: path.join(this.dir, 'data'),
      ...{ webAddress, mediaAddress, webDir: WEB_DIST },
      env: {
        CARILLON_VERIFIER_FILE: this.#codes,
        // Not on the web's address, where 443 is taken.
        CARILLON_TURN_LISTEN: mediaAddress,
        // Addresses for documentation are no peers elsewhere; here they are the internet.
        CARILLON_TURN_ALLOW_PEERS: INTERNET,
        CARILLON_TURN_DRAIN_SECONDS: '0',
        ...env,
      },
      isLoud: Boolean(process.env.CARILLON_E2E_LOG),
    });
  }

  get #codes(): string {
    return path.join(this.dir, 'codes');
  }

  /** Playwright starts a program; this one enters the host's namespace first. */
  #launcher(host: Host): string {
    const file = path.join(this.dir, `chromium-${host.namespace.name}`);
    writeFileSync(file, `#!/bin/sh\nexec ip netns exec ${host.namespace.name} ${CHROMIUM} "$@"\n`, { mode: 0o755 });
    return file;
  }
}
