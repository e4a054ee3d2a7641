// What the nodes share: the real table of calls, behind connections that take
// their time, break, and lose what was under way. It promises what Redis does:
// the commands of one node arrive in order, and so do the news it hears.
import { type AccountId, type CallId, ProtocolError } from '@carillon/protocol';
import {
  type CallNews,
  type CallStore,
  type CallStoreEvents,
  CallTable,
  type NotedCall,
  type Relay,
  type Relayed,
  type StoredCall,
  type Swap,
  type Swapped,
} from '@carillon/signaling/parts';
import type { Chance, Scheduler } from './scheduler.ts';

const LEASE_MS = 10_000;
const LOOK_EVERY_MS = 1_000;
const OVERDUE_MS = 1_000;
const CLAIM_MS = 5_000;

export interface Witness {
  changed(callId: CallId, before: StoredCall | undefined, after: StoredCall): void;
  relayed(relay: Relay): void;
}

export class SharedStore {
  readonly table: CallTable;
  readonly #scheduler: Scheduler;
  readonly #witness: Witness;
  readonly created = new Map<AccountId, Map<CallId, number>>();
  readonly nodes: NodeStore[] = [];
  readonly #claims = new Map<CallId, number>();
  readonly #unburied = new Map<string, number>();

  constructor(scheduler: Scheduler, witness: Witness) {
    this.#scheduler = scheduler;
    this.#witness = witness;
    this.table = new CallTable({
      news: (callId, news) => {
        for (const node of this.nodes) node.told(callId, news);
      },
    });
    this.#look();
  }

  swap(swap: Swap): Swapped {
    const before = this.table.read(swap.callId);
    const swapped = this.table.swap(swap);
    const after = this.table.read(swap.callId);
    if (swapped.done && after) this.#witness.changed(swap.callId, before, after);
    return swapped;
  }

  relay(relay: Relay): Relayed {
    const relayed = this.table.relay(relay);
    if (relayed === 'done') this.#witness.relayed(relay);
    return relayed;
  }

  died(run: string): void {
    this.#unburied.set(run, this.#scheduler.nowMs + LEASE_MS);
  }

  /** One of the living sees to what is overdue, and to the seats of the dead. */
  #look(): void {
    const { nowMs } = this.#scheduler;
    const looker = this.nodes.find((node) => node.isReached);
    if (looker) {
      for (const { call } of this.table.all()) {
        const isClaimed = (this.#claims.get(call.callId) ?? 0) > nowMs;
        if (isClaimed || this.table.deadlineMs(call.callId) > nowMs - OVERDUE_MS) continue;
        this.#claims.set(call.callId, nowMs + CLAIM_MS);
        void looker.events.due(call.callId);
      }
      for (const [run, atMs] of this.#unburied) if (atMs <= nowMs) this.#bury(run, looker);
    }
    this.#scheduler.after(LOOK_EVERY_MS, () => this.#look());
  }

  #bury(run: string, looker: NodeStore): void {
    let seats = 0;
    for (const { call } of this.table.all()) {
      for (const { device, seat } of this.table.seatsOf(call.callId)) {
        if (!seat.startsWith(`${run}|`)) continue;
        seats++;
        void looker.events.orphaned(call.callId, device, seat);
      }
    }
    // Buried only when nothing is found any more: whoever buries may die as well.
    if (seats === 0) this.#unburied.delete(run);
    else this.#unburied.set(run, this.#scheduler.nowMs + CLAIM_MS);
  }
}

export class NodeStore implements CallStore {
  readonly live = 0;
  readonly outboxBytes = 0;
  readonly restored = [];
  readonly run: string;
  isAlive = true;
  /** Its connection to what is shared works. */
  isConnected = true;
  events!: CallStoreEvents;
  readonly #shared: SharedStore;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #followed = new Map<CallId, StoredCall | undefined>();
  #seats = 0;
  /** The last moments at which something arrives, there and here. */
  #thereMs = 0;
  #hereMs = 0;
  #newsMs = 0;

  constructor(shared: SharedStore, scheduler: Scheduler, chance: Chance, run: string) {
    this.#shared = shared;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.run = run;
    shared.nodes.push(this);
  }

  get isReached(): boolean {
    return this.isAlive && this.isConnected;
  }

  async start(events: CallStoreEvents): Promise<void> {
    this.events = events;
  }

  seatName(): string {
    this.#seats += 1;
    return `${this.run}|${this.#seats}`;
  }

  die(): void {
    this.isAlive = false;
    this.#shared.died(this.run);
  }

  /** The connection is lost, and made again later; what was said meanwhile is not heard. */
  lose(ms: number): void {
    this.isConnected = false;
    this.#scheduler.after(ms, () => {
      this.isConnected = true;
      for (const callId of this.#followed.keys()) this.#followed.set(callId, undefined);
      if (this.isAlive) this.events.unsure();
    });
  }

  told(callId: CallId, news: CallNews): void {
    if (!this.isReached || !this.#followed.has(callId)) return;
    this.#newsMs = Math.max(this.#newsMs, this.#scheduler.nowMs + this.#chance.delay(0.1, 20));
    this.#scheduler.after(this.#newsMs - this.#scheduler.nowMs, () => {
      if (!this.isReached || !this.#followed.has(callId)) return;
      const known = this.#followed.get(callId)?.version ?? 0;
      if (news.type === 'changed' && news.version > known) {
        this.#followed.set(callId, { call: news.call, version: news.version });
      }
      this.events.news(callId, news);
    });
  }

  // Its devices have no media that could be good or bad.
  async noteReport(): Promise<boolean> {
    return true;
  }

  // The registry of newest sockets is the world's: see SimNode.
  async claim(): Promise<void> {}

  async follow(callId: CallId): Promise<void> {
    await this.#ask(() => {
      if (!this.#followed.has(callId)) this.#followed.set(callId, undefined);
    });
  }

  unfollow(callId: CallId): void {
    this.#followed.delete(callId);
  }

  async read(callId: CallId, fresh: boolean): Promise<StoredCall | undefined> {
    const known = this.#followed.get(callId);
    if (!fresh && known) return known;
    const stored = await this.#ask(() => this.#shared.table.read(callId));
    if (this.#followed.has(callId)) this.#followed.set(callId, stored);
    return stored;
  }

  swap(swap: Swap): Promise<Swapped> {
    return this.#ask(() => this.#shared.swap(swap));
  }

  relay(relay: Relay): Promise<Relayed> {
    return this.#ask(() => this.#shared.relay(relay));
  }

  createdBy(accountId: AccountId): Promise<readonly NotedCall[]> {
    return this.#ask(() =>
      [...(this.#shared.created.get(accountId) ?? [])].map(([callId, atMs]) => ({ callId, atMs })),
    );
  }

  async noteCreated(accountId: AccountId, callId: CallId, nowMs: number): Promise<void> {
    await this.#ask(() => {
      const created = this.#shared.created.get(accountId) ?? new Map<CallId, number>();
      this.#shared.created.set(accountId, created.set(callId, nowMs));
    });
  }

  dropCreated(accountId: AccountId, callId: CallId): void {
    this.#ask(() => this.#shared.created.get(accountId)?.delete(callId)).catch(() => {});
  }

  sweep(): void {}

  problem(): string | undefined {
    return undefined;
  }

  async close(): Promise<void> {}

  /** There and back, in order; lost with either end, on the way there or back. */
  #ask<T>(run: () => T): Promise<T> {
    if (!this.isConnected) return Promise.reject(new ProtocolError('internal-error'));
    const { nowMs } = this.#scheduler;
    this.#thereMs = Math.max(this.#thereMs, nowMs + this.#chance.delay(0.1, 20));
    return new Promise((resolve, reject) => {
      this.#scheduler.after(this.#thereMs - nowMs, () => {
        if (!this.isConnected) return reject(new ProtocolError('internal-error'));
        // What a node has sent is carried out though it dies; nobody hears the answer.
        const answer = run();
        this.#hereMs = Math.max(this.#hereMs, this.#scheduler.nowMs + this.#chance.delay(0.1, 20));
        this.#scheduler.after(this.#hereMs - this.#scheduler.nowMs, () => {
          if (!this.isAlive) return;
          if (this.isConnected) resolve(answer);
          else reject(new ProtocolError('internal-error'));
        });
      });
    });
  }
}
