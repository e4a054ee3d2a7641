// A device: the SDK's calls half as it is, on a platform that is simulated.
import { Calls, type CallView, type Notice, type Store, type StoreTransaction } from '@carillon/client/calls';
import { nobleProvider } from '@carillon/messaging-core/e2ee';
import { type AccountId, type Address, type CallId, ProtocolError } from '@carillon/protocol';
import type { Chance, Scheduler } from './scheduler.ts';
import type { Post, SimChannel } from './simChannel.ts';
import { SimEngine } from './simEngine.ts';
import type { SimNode } from './simNode.ts';
import type { PeerNet } from './simPeers.ts';
import { Ways } from './simWebSocket.ts';
import { fill } from './virtualTime.ts';

export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly post: Post;
  readonly net: PeerNet;
  node(): SimNode | undefined;
  /** It rings: what the person does is the world's. */
  rings(device: SimDevice, callId: CallId): void;
  /** For the rules that must hold, and the trace. */
  saw(device: SimDevice, call: CallView): void;
  noticed(device: SimDevice, notice: Notice): void;
}

/** A call as the device shows it. */
export interface Shown {
  readonly view: CallView;
  readonly sinceMs: number;
}

/** What a person does with a call that is there. */
export type Act = (calls: Calls, callId: CallId) => Promise<unknown>;

export class SimDevice {
  readonly address: Address;
  readonly ways: Ways;
  readonly engine: SimEngine;
  readonly network = { isUp: true };
  isAlive = true;
  readonly #around: Surroundings;
  readonly #store = new SimStore();
  readonly #shown = new Map<CallId, Shown>();
  #channel: SimChannel;
  #calls: Calls;

  constructor(address: Address, around: Surroundings) {
    this.address = address;
    this.#around = around;
    const { scheduler, chance, net, post } = around;
    const node = () => (this.isAlive && this.network.isUp ? around.node() : undefined);
    this.ways = new Ways({ scheduler, chance, node });
    this.engine = new SimEngine({ scheduler, chance, net, network: this.network });
    this.#channel = post.open(address);
    this.#calls = this.#open();
  }

  /** Those that are shown. */
  get calls(): readonly Shown[] {
    return [...this.#shown.values()];
  }

  of(callId: CallId): Shown | undefined {
    return this.#shown.get(callId);
  }

  /** Undefined when it is in a call already. */
  async place(callees: readonly AccountId[]): Promise<CallId | undefined> {
    return this.#tried(async () => (await this.#calls.start(callees, { video: false })).callId);
  }

  /** The call may be over by now, or not be one with which that can be done. */
  async act(callId: CallId, act: Act): Promise<void> {
    if (this.#shown.has(callId)) await this.#tried(() => act(this.#calls, callId));
  }

  /** Gone for good, with everything it knew. */
  die(): void {
    this.isAlive = false;
    this.network.isUp = false;
    this.ways.breakNow();
    this.#close();
  }

  /** The page is loaded again: what is stored is all that is left. */
  async reload(): Promise<void> {
    if (!this.isAlive) return;
    this.#close();
    this.#channel = this.#around.post.open(this.address);
    const calls = this.#open();
    this.#calls = calls;
    await this.#tried(async () => {
      const callId = await calls.resumable();
      if (callId !== undefined) await calls.resume(callId);
    });
  }

  #close(): void {
    this.#channel.isAlive = false;
    this.#shown.clear();
    void this.#calls.close();
  }

  #open(): Calls {
    const { scheduler, chance, rings, saw, noticed } = this.#around;
    const channel = this.#channel;
    return new Calls({
      channel,
      baseUrl: 'https://carillon.invalid',
      engine: this.engine,
      platform: {
        crypto: { ...nobleProvider, randomBytes: (length) => fill(chance)(new Uint8Array(length)) },
        store: this.#store,
        prepare: () => Promise.reject(new Error('There are no media here.')),
        WebSocket: this.ways.WebSocket,
        fetch: () => Promise.reject(new Error('There is nothing to fetch here.')),
        now: () => scheduler.nowMs,
      },
      emit: (view) => {
        // It is about a page that is gone.
        if (!channel.isAlive) return;
        const { callId, phase } = view;
        const before = this.#shown.get(callId);
        const sinceMs = before?.view.phase === phase ? before.sinceMs : scheduler.nowMs;
        if (phase === 'ended') this.#shown.delete(callId);
        else this.#shown.set(callId, { view, sinceMs });
        saw(this, view);
        if (!before && phase === 'ringing-in') rings(this, callId);
      },
      notice: (notice) => noticed(this, notice),
    });
  }

  async #tried<T>(run: () => Promise<T>): Promise<T | undefined> {
    try {
      return this.isAlive ? await run() : undefined;
    } catch (error) {
      // A microphone that does not open is an Error with words; anything else would be the program's own.
      const isSaid = error instanceof ProtocolError || (error as Error).message === 'There is no microphone.';
      if (!isSaid) throw error;
      return undefined;
    }
  }
}

class SimStore implements Store {
  readonly #values = new Map<string, unknown>();

  async transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return run({
      get: async <V>(collection: string, key: string) => this.#values.get(`${collection} ${key}`) as V | undefined,
      put: async (collection, key, value) => void this.#values.set(`${collection} ${key}`, structuredClone(value)),
      delete: async (collection, key) => void this.#values.delete(`${collection} ${key}`),
      list: () => Promise.reject(new Error('Calls list nothing.')),
    });
  }

  async clear(): Promise<void> {
    this.#values.clear();
  }

  async close(): Promise<void> {}
}
