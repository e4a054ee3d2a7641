// Starts Chromium, and a page for each person.
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { rolldown } from 'rolldown';
import type { CallServices } from '../callServices.ts';
import type { Delivery, TestAccount } from '../contentHub.ts';
import type { CallPage, Opening, Seen } from './page.ts';

declare const page: CallPage;

export const chromiumPath =
  process.env.CARILLON_CHROMIUM ?? ['/usr/lib/chromium/chromium', '/usr/bin/chromium'].find((path) => existsSync(path));

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Few frames: the machine of a test encodes and decodes for everybody.
  '--use-fake-device-for-media-stream=fps=10',
  '--use-fake-ui-for-media-stream',
  '--auto-select-desktop-capture-source=Entire screen',
  '--autoplay-policy=no-user-gesture-required',
  '--allow-loopback-in-peer-connection',
];
const DEADLINE_MS = 20_000;

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath!, args: FLAGS });
}

export async function bundle(path: string): Promise<string> {
  const input = fileURLToPath(new URL(path, import.meta.url));
  const build = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'esm' });
  await build.close();
  return output[0].code;
}

/** The page as a server gives it. */
export async function pageFiles(): Promise<ReadonlyMap<string, string>> {
  const [script, worker] = await Promise.all([
    bundle('./page.ts'),
    bundle('../../../src/browser/calls/sframeWorker.ts'),
  ]);
  return new Map([
    ['/', '<!doctype html><title>call</title><body></body><script type="module" src="/page.js"></script>'],
    ['/page.js', script],
    ['/sframeWorker.ts', worker],
  ]);
}

export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  withinMs = DEADLINE_MS,
): Promise<T> {
  const deadline = performance.now() + withinMs;
  let last: unknown;
  for (;;) {
    const found = await probe().catch((error: unknown) => {
      last = error;
      return undefined;
    });
    if (found) return found;
    if (performance.now() > deadline) throw new Error(`${what} did not happen within ${withinMs} ms`, { cause: last });
    await pause(50);
  }
}

/** One person in one page. */
export class Person {
  readonly self: TestAccount;
  readonly page: Page;
  readonly #services: CallServices;
  readonly #opening: Opening;

  private constructor(page: Page, services: CallServices, opening: Opening) {
    this.page = page;
    this.self = opening.self;
    this.#services = services;
    this.#opening = opening;
  }

  static async open(browser: Browser, services: CallServices, opening: Opening): Promise<Person> {
    const context = await browser.newContext({ permissions: ['microphone', 'camera'] });
    const tab = await context.newPage();
    const person = new Person(tab, services, opening);
    await tab.exposeFunction('hubSend', (delivery: Delivery) => services.hub.send(delivery));
    await person.load();
    return person;
  }

  /** Also after a reload. */
  async load(): Promise<void> {
    const { self } = this;
    await this.page.goto(`${this.#services.baseUrl}/`);
    await this.page.evaluate((opening) => page.open(opening), this.#opening);
    this.#services.hub.connect(self, (delivery) => {
      this.page.evaluate((given) => page.deliver(given), delivery).catch(() => {});
    });
  }

  seen(): Promise<Seen | undefined> {
    return this.page.evaluate(() => page.seen());
  }

  /** Once the call is as `wanted`. */
  sees(what: string, wanted: (seen: Seen) => boolean): Promise<Seen> {
    return eventually(`${this.self.name} sees ${what}`, async () => {
      const seen = await this.seen();
      return seen !== undefined && wanted(seen) && seen;
    });
  }

  /** Once pictures of this many others play, from now on. */
  async watches(others: number): Promise<void> {
    const framesBy = async () => {
      const seen = await this.seen();
      return new Map(seen?.others.filter(({ state }) => state === 'joined').map(({ name, frames }) => [name, frames]));
    };
    const before = await framesBy();
    await eventually(`${this.self.name} watches ${others} others`, async () => {
      const now = await framesBy();
      const growing = [...now].filter(([name, frames]) => frames > (before.get(name) ?? 0) + 3);
      return growing.length >= others;
    });
  }
}
