// Which nodes are there. Each run of a node has a name of its own and a lease
// that one timer renews, however many devices it has; what a dead node left is
// not believed once its lease has ended.
import { randomBytes } from 'node:crypto';
import { LuaScript, type RedisLink } from '@carillon/service/redis';

/** Longer, and the devices of a node that lost its power count as connected for longer; shorter, and a slow Redis ends living nodes. */
export const LEASE_MS = 15_000;
const RENEW_EVERY_MS = 4_000;
/** How long what was learnt of another node is believed. */
const BELIEVED_MS = 1_000;
/** Nodes remembered; past it the oldest is asked for again. */
const REMEMBERED_MAX = 1_000;

/** 0: the lease had ended, and others may have stopped believing. */
const RENEW = new LuaScript(
  'node renew',
  `local held = redis.call('EXISTS', KEYS[1])
   redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
   return held`,
);
const HELD = new LuaScript('node held', `return redis.call('EXISTS', KEYS[1])`);
const RELEASE = new LuaScript('node release', `return redis.call('DEL', KEYS[1])`);
/** To a node that is there: how many heard it. */
const TELL = new LuaScript(
  'node tell',
  `if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
   return redis.call('SPUBLISH', KEYS[1] .. ':signals', ARGV[1])`,
);

const leaseKey = (run: string) => `carillon:{n:${run}}`;

export interface NodeLeasesOptions {
  readonly link: RedisLink;
  /** Names the node for people; the run's name adds random. */
  readonly node: string;
  readonly now: () => number;
  /** What is said to this run. */
  onSignal(message: Buffer): void;
  /** After a time in which Redis may have forgotten what this run had put there. */
  onLost(): void;
  /** With every renewal. */
  onRenewed(): void;
}

export class NodeLeases {
  /** This run of this node. */
  readonly run: string;
  readonly #options: NodeLeasesOptions;
  readonly #believed = new Map<string, { readonly held: boolean; readonly atMs: number }>();
  #timer: NodeJS.Timeout | undefined;
  #lost = false;
  #closed = false;

  private constructor(options: NodeLeasesOptions) {
    this.#options = options;
    this.run = `${options.node.replace(/[^A-Za-z0-9_-]/g, '-')}.${randomBytes(6).toString('hex')}`;
  }

  static async open(options: NodeLeasesOptions): Promise<NodeLeases> {
    const leases = new NodeLeases(options);
    const { link } = options;
    await link.run(RENEW, leaseKey(leases.run), [`${LEASE_MS}`]);
    await link.subscribe(`${leaseKey(leases.run)}:signals`, options.onSignal);
    link.onReady(() => {
      leases.#lost = true;
      void leases.#renew();
    });
    leases.#timer = setInterval(() => void leases.#renew(), RENEW_EVERY_MS).unref();
    return leases;
  }

  async isHeld(run: string): Promise<boolean> {
    if (run === this.run) return true;
    const nowMs = this.#options.now();
    const believed = this.#believed.get(run);
    // In either direction: a clock may be set back.
    if (believed && Math.abs(nowMs - believed.atMs) < BELIEVED_MS) return believed.held;
    const held = (await this.#options.link.run(HELD, leaseKey(run))) === 1;
    this.#believed.delete(run);
    this.#believed.set(run, { held, atMs: nowMs });
    if (this.#believed.size > REMEMBERED_MAX) this.#believed.delete(this.#believed.keys().next().value!);
    return held;
  }

  /** False when that run is not there any more. */
  async tell(run: string, message: string): Promise<boolean> {
    return Number(await this.#options.link.run(TELL, leaseKey(run), [message])) > 0;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#timer);
    // Else the lease ends by itself.
    await this.#options.link.run(RELEASE, leaseKey(this.run)).catch(() => {});
  }

  async #renew(): Promise<void> {
    if (this.#closed) return;
    try {
      const held = await this.#options.link.run(RENEW, leaseKey(this.run), [`${LEASE_MS}`]);
      const lost = this.#lost || held === 0;
      this.#lost = false;
      if (lost) this.#options.onLost();
      this.#options.onRenewed();
    } catch {
      // `problem()` says why; the next renewal that gets through mends it.
      this.#lost = true;
    }
  }
}
