// Runs of nodes: each has a lease, renewed by its node. The seats of one whose
// lease has ended are lost: one of the others says so in its place, under a
// claim that ends too, should that one die meanwhile.
import { randomBytes } from 'node:crypto';
import type { CallId } from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import type { CallStoreEvents } from '../callStore.ts';
import { DEAD_RUNS, RENEW_RUN, SEATS_OF_RUN } from './callScripts.ts';
import { addressOf, RUNS, runChannel, slots } from './keys.ts';

/** Longer, and the devices of a node that lost its power count as there for longer; shorter, and a slow Redis ends living nodes. */
const LEASE_MS = 10_000;
const RENEW_EVERY_MS = 3_000;
/** Time to bury a node with tens of thousands of calls; past it another goes on with what is left. */
const BURIAL_MS = 30_000;
const BURIED_AT_ONCE = 4;

export interface NodeRunsOptions {
  readonly link: RedisLink;
  /** Names the node for people; the run's name adds random. */
  readonly node: string;
  /** Tests only need a shorter one. */
  readonly leaseMs?: number | undefined;
  readonly events: Pick<CallStoreEvents, 'orphaned' | 'unsure'>;
  /** What is said to this run. */
  onMessage(message: string): void;
}

export class NodeRuns {
  readonly run: string;
  readonly #options: NodeRunsOptions;
  readonly #leaseMs: number;
  #timer: NodeJS.Timeout | undefined;
  #unsure = false;
  #closed = false;

  private constructor(options: NodeRunsOptions, run: string) {
    this.#options = options;
    this.run = run;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
  }

  static newRun(node: string): string {
    return `${node}.${randomBytes(6).toString('hex')}`;
  }

  static async open(options: NodeRunsOptions, run: string): Promise<NodeRuns> {
    const runs = new NodeRuns(options, run);
    const { link } = options;
    await link.run(RENEW_RUN, RUNS, [run, `${runs.#leaseMs}`]);
    await link.subscribe(runChannel(run), (message) => options.onMessage(message.toString()));
    link.onReady(() => {
      runs.#unsure = true;
      void runs.#renew();
    });
    const everyMs = Math.min(RENEW_EVERY_MS, runs.#leaseMs / 3);
    runs.#timer = setInterval(() => void runs.#renew(), everyMs).unref();
    return runs;
  }

  async tell(run: string, message: string): Promise<void> {
    await this.#options.link.publish(runChannel(run), message);
  }

  /** Buries what has died. */
  async bury(): Promise<void> {
    const { link } = this.#options;
    const dead = (await link.run(DEAD_RUNS, RUNS, [`${BURIAL_MS}`, `${BURIED_AT_ONCE}`])) as Buffer[];
    for (const run of dead.map(String)) {
      for (const slot of slots) await this.#buryIn(slot, run);
      await link.command(RUNS, ['ZREM', RUNS, `!${run}`]);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    // Others need not wait for the end of the lease.
    await this.#options.link.command(RUNS, ['ZADD', RUNS, 'XX', '0', this.run]).catch(() => {});
  }

  async #buryIn(slot: string, run: string): Promise<void> {
    const { link, events } = this.#options;
    const key = `${slot}:r:${run}`;
    for (const callId of (await link.command(key, ['SMEMBERS', key])) as Buffer[]) {
      const found = ((await link.run(SEATS_OF_RUN, slot, [callId, run])) as Buffer[]).map(String);
      for (let i = 0; i < found.length; i += 2) {
        await events.orphaned(callId.toString() as CallId, addressOf(found[i]!), found[i + 1]!);
      }
    }
  }

  async #renew(): Promise<void> {
    if (this.#closed) return;
    try {
      const held = await this.#options.link.run(RENEW_RUN, RUNS, [this.run, `${this.#leaseMs}`]);
      const unsure = this.#unsure || held === 0;
      this.#unsure = false;
      if (unsure && !this.#closed) this.#options.events.unsure();
    } catch {
      // `problem()` says why; the next renewal that gets through mends it.
      this.#unsure = true;
    }
  }
}
