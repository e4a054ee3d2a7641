// The history checker: real devices on real stores send at random while nodes,
// Redis, devices and connections are killed at random, all from one seed.
// Afterwards everything comes back, and every history has to be whole.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HistoryClient } from './historyClient.ts';
import { judge, type Said, type Shown } from './judge.ts';
import { pick, type Random, seeded } from './random.ts';
import { Servers } from './servers.ts';

export interface HistoryOptions {
  readonly seed: number;
  readonly accounts: number;
  /** Of the first account; the others have one. */
  readonly devices: number;
  readonly nodes: number;
  readonly redis: boolean;
  /** Besides every pair. */
  readonly group: boolean;
  readonly seconds: number;
  readonly say: (words: string) => void;
}

export interface HistoryReport {
  readonly said: number;
  readonly kills: Readonly<Record<Fault, number>>;
  readonly faults: readonly string[];
}

type Fault = 'client' | 'client before its acknowledgement' | 'node' | 'redis' | 'connections';

/** Until everything that is on its way has arrived, after the last fault. */
const SETTLE_MS = 120_000;
const SETTLE_EVERY_MS = 500;
/** Between two faults. */
const FAULT_MS = { least: 300, more: 1_500 };

export async function runHistory(options: HistoryOptions): Promise<HistoryReport> {
  const dir = mkdtempSync(path.join(tmpdir(), 'carillon-history-'));
  const random = seeded(options.seed);
  const servers = await Servers.start({ dir, nodes: options.nodes, redis: options.redis, random });
  const run = new Run(options, dir, random, servers);
  try {
    await run.signUp();
    await run.storm();
    return await run.verdict();
  } finally {
    await run.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

interface Talk {
  /** The same for everybody in it. */
  readonly name: string;
  /** Conversation id by account. */
  readonly ids: Map<string, string>;
}

class Run {
  readonly #options: HistoryOptions;
  readonly #dir: string;
  readonly #random: Random;
  readonly #servers: Servers;
  readonly #clients: HistoryClient[] = [];
  readonly #talks: Talk[] = [];
  readonly #said: Said[] = [];
  readonly #kills: Record<Fault, number> = {
    client: 0,
    'client before its acknowledgement': 0,
    node: 0,
    redis: 0,
    connections: 0,
  };
  #storming = true;

  constructor(options: HistoryOptions, dir: string, random: Random, servers: Servers) {
    this.#options = options;
    this.#dir = dir;
    this.#random = random;
    this.#servers = servers;
  }

  async signUp(): Promise<void> {
    const { accounts, devices, group } = this.#options;
    const accountIds: string[] = [];
    for (let n = 0; n < accounts; n++) {
      const handle = `person${n}`;
      const client = await this.#open(handle, handle);
      const registrationId = await client.ask<string>({ type: 'begin', handle });
      const code = this.#servers.codeFor(handle);
      accountIds.push(await client.ask<string>({ type: 'finish', registrationId, code, name: handle }));
    }
    const [first] = this.#clients;
    for (let n = 1; n < devices; n++) {
      const linked = await this.#open(`person0 device ${n + 1}`, 'person0');
      const code = await linked.ask<string>({ type: 'link', name: linked.name });
      await first!.ask({ type: 'approve', code });
      await linked.ask({ type: 'linked' });
    }
    for (let a = 0; a < accounts; a++) {
      for (let b = a + 1; b < accounts; b++) {
        const ids = new Map([
          [`person${a}`, accountIds[b]!],
          [`person${b}`, accountIds[a]!],
        ]);
        this.#talks.push({ name: `person${a} and person${b}`, ids });
        await this.#of(`person${a}`)[0]!.ask({ type: 'find', handle: `person${b}` });
        await this.#of(`person${b}`)[0]!.ask({ type: 'find', handle: `person${a}` });
      }
    }
    if (!group) return;
    const id = await first!.ask<string>({ type: 'group', name: 'all', members: accountIds.slice(1) });
    this.#talks.push({ name: 'all', ids: new Map(accountIds.map((_, n) => [`person${n}`, id])) });
  }

  /** Sends and faults at once, until the time is over; then everything is started again. */
  async storm(): Promise<void> {
    const { seconds, say } = this.#options;
    const faults = this.#faults();
    const talkers = this.#clients.map((client) => this.#talk(client));
    for (let left = seconds; left > 0; left -= 10) {
      await sleep(Math.min(10, left) * 1000);
      say(`${this.#said.length} messages said, ${Object.values(this.#kills).reduce((a, b) => a + b)} faults`);
    }
    this.#storming = false;
    await Promise.all([faults, ...talkers]);
    if (this.#options.redis) await this.#servers.startRedis();
    for (let index = 0; index < this.#servers.nodeCount; index++) await this.#servers.startNode(index);
  }

  async verdict(): Promise<HistoryReport> {
    const until = Date.now() + SETTLE_MS;
    let faults: string[];
    do {
      await sleep(SETTLE_EVERY_MS);
      for (const client of this.#clients) await client.start();
      faults = judge(this.#said, await this.#shown());
    } while (faults.length > 0 && Date.now() < until);
    return { said: this.#said.length, kills: this.#kills, faults };
  }

  async stop(): Promise<void> {
    this.#storming = false;
    for (const client of this.#clients) await client.kill();
    await this.#servers.stop();
  }

  async #open(name: string, account: string): Promise<HistoryClient> {
    const storeFile = path.join(this.#dir, `${name.replaceAll(' ', '-')}.db`);
    const client = new HistoryClient({ name, account, storeFile, baseUrl: this.#servers.url });
    this.#clients.push(client);
    await client.start();
    return client;
  }

  #of(account: string): HistoryClient[] {
    return this.#clients.filter((client) => client.account === account);
  }

  async #talk(client: HistoryClient): Promise<void> {
    const mine = this.#talks.filter(({ ids }) => ids.has(client.account));
    for (let n = 0; this.#storming; n++) {
      const talk = pick(this.#random, mine);
      const text = `${client.name} ${n}`;
      // Noted first: killed in the middle, it may have been said or not.
      this.#said.push({ text, device: client.name, conversation: talk.name });
      try {
        await client.ask({ type: 'send', conversation: talk.ids.get(client.account)!, text });
      } catch {
        await sleep(50);
      }
      await sleep(this.#random() * 60);
    }
  }

  async #faults(): Promise<void> {
    while (this.#storming) {
      await sleep(FAULT_MS.least + this.#random() * FAULT_MS.more);
      const roll = this.#random();
      if (roll < 0.25) await this.#killClient();
      else if (roll < 0.5) this.#dieBeforeAcknowledging();
      else if (roll < 0.7) await this.#killNode();
      else if (roll < 0.85 && this.#options.redis) await this.#killRedis();
      else {
        this.#kills.connections++;
        this.#servers.cutConnections();
      }
      for (const client of this.#clients) await client.start();
    }
  }

  async #killClient(): Promise<void> {
    this.#kills.client++;
    await pick(this.#random, this.#clients).kill();
  }

  #dieBeforeAcknowledging(): void {
    this.#kills['client before its acknowledgement']++;
    const messages = Math.floor(this.#random() * 20);
    pick(this.#random, this.#clients)
      .ask({ type: 'die-after', messages })
      .catch(() => {});
  }

  async #killNode(): Promise<void> {
    this.#kills.node++;
    const index = Math.floor(this.#random() * this.#servers.nodeCount);
    await this.#servers.killNode(index);
    await sleep(this.#random() * 500);
    await this.#servers.startNode(index);
  }

  async #killRedis(): Promise<void> {
    this.#kills.redis++;
    await this.#servers.killRedis();
    await sleep(this.#random() * 500);
    await this.#servers.startRedis();
  }

  async #shown(): Promise<Shown[]> {
    const shown: Shown[] = [];
    for (const client of this.#clients) {
      const histories = await client.ask<{ conversation: string; messages: Shown['messages'] }[]>({ type: 'history' });
      for (const { name, ids } of this.#talks) {
        const id = ids.get(client.account);
        if (id === undefined) continue;
        const messages = histories.find(({ conversation }) => conversation === id)?.messages ?? [];
        shown.push({ device: client.name, account: client.account, conversation: name, messages });
      }
    }
    return shown;
  }
}
