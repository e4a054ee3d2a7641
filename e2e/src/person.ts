// Someone using the web app: what they do goes through what they see. The
// SDK object the page exposes is only read, for what no screen shows.
import type { CarillonApi } from '@carillon/client';
import type { BrowserContext, Locator, Page } from 'playwright-core';

export interface PersonOptions {
  readonly url: string;
  readonly handle: string;
  readonly code: () => string | undefined;
}

/** What the browser says of its connections. */
export interface MediaFacts {
  readonly framesDecoded: number;
  readonly audioEnergy: number;
  readonly bytesReceived: number;
  /** Local candidate types of the pairs in use. */
  readonly candidateTypes: readonly string[];
  /** The pairs in use, as `local-remote`; a relayed local one names its way to the relay: `relay/tls-srflx`. */
  readonly pairs: readonly string[];
  readonly framesSealed: number;
  readonly framesOpened: number;
  readonly framesDropped: number;
}

export interface FrameKeyRecord {
  readonly kid: string;
  readonly key: readonly number[];
}

/** Runs in the page before anything else: a test may know what no server may. */
function rememberFrameKeys(): void {
  const records: FrameKeyRecord[] = [];
  Object.assign(globalThis, { frameKeyRecords: records });
  const post = Worker.prototype.postMessage;
  Worker.prototype.postMessage = function (this: Worker, message: unknown, ...rest: unknown[]) {
    const told = message as { type?: string; kid?: bigint; key?: Uint8Array };
    if (told.type === 'sending' && told.key) records.push({ kid: String(told.kid), key: [...told.key] });
    return (post as (...args: unknown[]) => void).call(this, message, ...rest);
  };
}

const PATIENCE_MS = 30_000;

export class Person {
  readonly handle: string;
  readonly page: Page;
  readonly context: BrowserContext;
  readonly faults: string[] = [];
  readonly #options: PersonOptions;

  private constructor(context: BrowserContext, page: Page, options: PersonOptions) {
    this.context = context;
    this.page = page;
    this.handle = options.handle;
    this.#options = options;
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => this.faults.push(error.stack ?? error.message));
    if (process.env.CARILLON_E2E_LOG)
      page.on('console', (message) => console.error(`${options.handle}: ${message.text()}`));
  }

  static async open(context: BrowserContext, options: PersonOptions): Promise<Person> {
    const person = new Person(context, await context.newPage(), options);
    await person.page.addInitScript(rememberFrameKeys);
    await person.page.goto(options.url);
    return person;
  }

  get(testId: string): Locator {
    return this.page.getByTestId(testId);
  }

  async signUp(name = this.handle): Promise<this> {
    await this.get('signup-handle').fill(this.handle);
    await this.get('signup-name').fill(name);
    await this.get('signup-submit').click();
    await this.get('signup-code').waitFor();
    const code = this.#options.code();
    if (!code) throw new Error(`no code for ${this.handle}`);
    await this.get('signup-code').fill(code);
    // The form may send itself once the code is whole.
    const verify = this.get('signup-verify');
    await Promise.race([verify.click({ timeout: 5_000 }).catch(() => {}), this.get('new-chat').waitFor()]);
    await this.get('new-chat').waitFor();
    return this;
  }

  /** Opens the conversation; a stranger's is accepted, so that one can write. */
  async chatWith(handle: string): Promise<void> {
    const known = this.get(`conversation-${handle}`);
    if (await known.count()) {
      await known.click();
    } else {
      await this.get('new-chat').click();
      await this.get('new-chat-handle').fill(handle);
      await this.get('new-chat-submit').click();
    }
    // Until then the composer on the screen may be that of the conversation before.
    await this.page.waitForURL((url) => decodeURIComponent(url.hash) === `#/chat/${handle}`);
    await this.get('composer').or(this.get('accept-request')).first().waitFor();
    if (await this.get('accept-request').isVisible()) await this.get('accept-request').click();
    await this.get('composer').waitFor();
  }

  /** From the sign-up screen to a device of the account that `main` is signed in with. */
  async linkTo(main: Person): Promise<this> {
    await this.get('link-this').click();
    const code = await this.get('link-code').inputValue();
    await main.openLinkedDevices();
    await main.get('link-device').click();
    await main.get('paste-code').fill(code);
    await main.get('paste-submit').click();
    await main.get('confirm-link').click();
    await this.get('new-chat').waitFor();
    return this;
  }

  async openLinkedDevices(): Promise<void> {
    await this.get('profile').click();
    await this.get('linked-devices').click();
    await this.get('own-device').first().waitFor();
  }

  /** Makes a group with people this person has written with. */
  async makeGroup(name: string, handles: readonly string[], picture?: string): Promise<void> {
    await this.get('new-chat').click();
    await this.get('new-group').click();
    await this.get('group-name').fill(name);
    if (picture !== undefined) {
      await this.get('picture-input').setInputFiles(picture);
      await this.get('chosen-picture').waitFor();
    }
    for (const handle of handles) await this.get(`choose-${handle}`).check();
    await this.get('create-group').click();
    await this.get('composer').waitFor();
  }

  /** Puts a picture before this browser's camera. */
  async seesByCamera(png: Buffer): Promise<void> {
    await this.page.evaluate(async (base64) => {
      const image = new Image();
      image.src = `data:image/png;base64,${base64}`;
      await image.decode();
      const canvas = document.createElement('canvas');
      canvas.width = 640;
      canvas.height = 480;
      const draw = () => {
        const context = canvas.getContext('2d')!;
        context.fillStyle = '#777';
        context.fillRect(0, 0, 640, 480);
        context.drawImage(image, 120, 40, 400, 400);
      };
      // Drawn again and again: a still canvas gives no frames.
      setInterval(draw, 100);
      navigator.mediaDevices.getUserMedia = async () => canvas.captureStream(10);
    }, png.toString('base64'));
  }

  /** The dialog about the person or group whose conversation is open. */
  async openInfo(): Promise<void> {
    await this.get('chat-info').click();
  }

  async closeDialog(): Promise<void> {
    await this.page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
  }

  async say(text: string): Promise<void> {
    await this.get('composer').fill(text);
    await this.get('send').click();
  }

  message(text: string): Locator {
    return this.get('message').filter({ hasText: text });
  }

  async attach(files: string | { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
    await this.get('attach-input').first().setInputFiles(files);
  }

  /** Waits until the call screen says so. */
  async callIs(phase: string, mode?: string): Promise<void> {
    const screen = `[data-testid="call-screen"][data-phase="${phase}"]${mode ? `[data-mode="${mode}"]` : ''}`;
    await this.page.locator(screen).first().waitFor();
  }

  /** The keys this device has sealed its frames with, as it gave them to its worker. */
  frameKeys(): Promise<readonly FrameKeyRecord[]> {
    return this.page.evaluate(() => (globalThis as unknown as { frameKeyRecords: FrameKeyRecord[] }).frameKeyRecords);
  }

  /** Waits until it has sealed with more keys than so many. */
  async keysAfter(count: number): Promise<void> {
    await this.page.waitForFunction(
      (known) => (globalThis as unknown as { frameKeyRecords: FrameKeyRecord[] }).frameKeyRecords.length > known,
      count,
    );
  }

  async media(): Promise<MediaFacts> {
    const entries = await this.page.evaluate(() =>
      (globalThis as unknown as { carillon: CarillonApi }).carillon.calls.stats(),
    );
    const sum = (type: string, field: string) =>
      entries.filter((entry) => entry.type === type).reduce((total, entry) => total + Number(entry[field] ?? 0), 0);
    const byId = new Map(entries.map((entry) => [entry.id, entry]));
    const selected = new Set(
      entries.filter((entry) => entry.type === 'transport').map((entry) => entry.selectedCandidatePairId),
    );
    const inUse = entries
      .filter((entry) => entry.type === 'candidate-pair' && selected.has(entry.id))
      .map((entry) => ({ local: byId.get(entry.localCandidateId), remote: byId.get(entry.remoteCandidateId) }));
    const candidateTypes = inUse.map(({ local }) => String(local?.candidateType));
    const pairs = inUse.map(({ local, remote }) => {
      const way = local?.candidateType === 'relay' ? `/${local.relayProtocol}` : '';
      return `${local?.candidateType}${way}-${remote?.candidateType}`;
    });
    const counted = (field: string) =>
      entries.reduce((total, entry) => total + (field in entry ? Number(entry[field]) : 0), 0);
    return {
      framesDecoded: sum('inbound-rtp', 'framesDecoded'),
      audioEnergy: sum('inbound-rtp', 'totalAudioEnergy'),
      bytesReceived: sum('inbound-rtp', 'bytesReceived'),
      candidateTypes,
      pairs,
      framesSealed: counted('framesSealed'),
      framesOpened: counted('framesOpened'),
      framesDropped: counted('framesDropped'),
    };
  }

  /** Waits until the facts, taken every 200 ms, fulfil what is asked. */
  async mediaUntil(what: string, holds: (facts: MediaFacts) => boolean, boundMs = PATIENCE_MS): Promise<MediaFacts> {
    const deadline = Date.now() + boundMs;
    for (;;) {
      const facts = await this.media();
      if (holds(facts)) return facts;
      if (Date.now() > deadline) throw new Error(`${this.handle}: ${what}; got ${JSON.stringify(facts)}`);
      await this.page.waitForTimeout(200);
    }
  }

  /** Picture and sound both go on arriving from here. */
  async seesAndHears(boundMs = PATIENCE_MS): Promise<MediaFacts> {
    const from = await this.media();
    return this.mediaUntil(
      'picture and sound arrive',
      (facts) => facts.framesDecoded > from.framesDecoded + 20 && facts.audioEnergy > from.audioEnergy,
      boundMs,
    );
  }
}
