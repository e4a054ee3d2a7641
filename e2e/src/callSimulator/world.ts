// One simulated world from its seed: people with devices, nodes, calls among
// them, and everything that goes wrong. `play` runs it to its end and to quiet.
import { type AccountId, type Address, addressKey, type CallId, type DeviceId } from '@carillon/protocol';
import type { Call } from '@carillon/signaling/parts';
import { Breach, checkChange, checkQuiet, checkRelay, checkRinging } from './rules.ts';
import { Chance, Scheduler } from './scheduler.ts';
import { NodeStore, SharedStore } from './sharedStore.ts';
import { SimDevice } from './simDevice.ts';
import { SimNode } from './simNode.ts';

/** Calls are placed and things break for so long; then everything may settle. */
const ACTION_MS = 90_000;
/** A ring, dead sockets noticed, the reconnect bound, a dead node's lease, and some to spare. */
const QUIET_MS = 240_000;
const CHECK_EVERY_MS = 5_000;
const MEDIA_SILENCE_MS = 7_000;

export interface Played {
  readonly seed: number;
  readonly calls: number;
  /** Calls in which two or more devices were at once. */
  readonly answered: number;
}

interface PeerLink {
  readonly ends: Map<string, { readonly device: SimDevice; readonly to: Address }>;
  isUp: boolean;
}

export class World {
  readonly #chance: Chance;
  readonly #scheduler = new Scheduler();
  readonly #store: SharedStore;
  readonly #devices: SimDevice[] = [];
  readonly #nodes: SimNode[] = [];
  readonly #newest: SimNode['newest'] = new Map();
  readonly #links = new Map<CallId, PeerLink>();
  /** Links that were up while it rang, by call and the callee's device. */
  readonly #preconnected = new Set<string>();
  readonly #answered = new Set<CallId>();
  #breach: Breach | undefined;
  #calls = 0;
  #runs = 0;
  /** How much goes wrong, 0 to 1. */
  readonly #trouble: number;

  readonly #trace: (line: string) => void;

  private constructor(seed: number, trace: (line: string) => void) {
    this.#trace = (line) => trace(`${((this.#scheduler.nowMs - 1_000_000) / 1000).toFixed(3)} ${line}`);
    this.#chance = new Chance(seed);
    this.#trouble = this.#chance.pick([0, 0.2, 0.6, 1]);
    this.#store = new SharedStore(this.#scheduler, {
      changed: (callId, before, after) => {
        this.#watch(() => checkChange(callId, before, after));
        const { call } = after;
        this.#trace(`store ${callId} v${after.version} ${wordsOf(call)}`);
        const joined = call.phase === 'live' ? call.participants.filter(({ state }) => state === 'joined') : [];
        if (joined.length >= 2) this.#answered.add(callId);
      },
      relayed: (relay) => this.#watch(() => checkRelay(this.#store, relay)),
    });
  }

  /** @throws Breach with the seed in its message */
  static async play(seed: number, trace: (line: string) => void = () => {}): Promise<Played> {
    const world = new World(seed, trace);
    try {
      await world.#play();
    } catch (error) {
      if (error instanceof Breach) throw new Breach(`seed ${seed}: ${error.message}`);
      throw error;
    }
    return { seed, calls: world.#calls, answered: world.#answered.size };
  }

  async #play(): Promise<void> {
    const chance = this.#chance;
    for (let count = 1 + chance.below(3); count > 0; count--) await this.#startNode();
    const accounts = Array.from({ length: 2 + chance.below(3) }, (_, i) => `account${i}` as AccountId);
    for (const accountId of accounts) {
      for (let id = 1 + chance.below(3); id > 0; id--) this.#addDevice({ accountId, deviceId: id as DeviceId });
    }
    for (let count = 1 + chance.below(6); count > 0; count--) this.#planCall(accounts);
    this.#planTrouble();
    const start = this.#scheduler.nowMs;
    for (let ms = 0; ms < ACTION_MS + QUIET_MS; ms += CHECK_EVERY_MS) {
      await this.#scheduler.playUntil(start + ms);
      this.#watch(() => checkRinging(this.#store, this.#devices, this.#scheduler.nowMs));
      if (this.#breach) throw this.#breach;
    }
    checkQuiet(this.#store, this.#devices);
  }

  /** A rule is broken in the middle of what a node does: the world ends when it is done. */
  #watch(check: () => void): void {
    try {
      check();
    } catch (error) {
      if (!(error instanceof Breach)) throw error;
      this.#breach ??= error;
    }
  }

  async #startNode(): Promise<void> {
    this.#runs += 1;
    const store = new NodeStore(this.#store, this.#scheduler, this.#chance, `run${this.#runs}`);
    this.#nodes.push(await SimNode.start(store, this.#scheduler, this.#newest));
  }

  #addDevice(address: Address): void {
    const device: SimDevice = new SimDevice(address, {
      scheduler: this.#scheduler,
      chance: this.#chance,
      node: () => {
        const alive = this.#nodes.filter(({ isAlive }) => isAlive && device.isAlive);
        return alive.length > 0 ? this.#chance.pick(alive) : undefined;
      },
      send: (to, message) => {
        for (const other of this.#devices) {
          if (other.address.accountId !== to || other === device) continue;
          // Mostly at once; a phone that sleeps takes its time.
          const ms = this.#chance.happens(0.1) ? this.#chance.delay(1_000, 50_000) : this.#chance.delay(30, 1_500);
          this.#scheduler.after(ms, () => {
            // The core drops an invite whose ring is over.
            if (message.type !== 'invite' || ms < 60_000) other.receive(message);
          });
        }
      },
      preconnect: (callId, self) => this.#preconnect(callId, self),
      link: (callId, self, to) => this.#link(callId, self, to),
      room: (callId, self) => {
        this.#scheduler.after(this.#chance.delay(200, 3_000), () =>
          self.media(callId, { type: 'media-connected', link: 'room' }),
        );
      },
      rings: (self, callId) => this.#answer(self, callId),
      saw: (self, call) => {
        const why = call.phase === 'ended' ? ` ${call.reason} ${call.detail ?? ''}` : '';
        this.#trace(`${addressKey(self.address)} ${call.callId} ${call.phase}${why}`);
        if (call.phase === 'active' || call.phase === 'connecting') this.#talk(self, call.callId);
      },
    });
    this.#devices.push(device);
  }

  #planCall(accounts: readonly AccountId[]): void {
    const chance = this.#chance;
    const caller = chance.pick(this.#devices);
    const others = accounts.filter((account) => account !== caller.address.accountId);
    const isGroup = others.length > 1 && chance.happens(0.2);
    const callees = isGroup ? others : [chance.pick(others)];
    const place = (device: SimDevice, to: readonly AccountId[]) => {
      this.#calls += 1;
      // In any order, as random ids are: the lower one wins a glare.
      const callId = `${chance.below(1e9)}-${this.#calls}`.padStart(16, '0') as CallId;
      void device.place(callId, to);
      const patienceMs = chance.delay(500, 120_000);
      this.#scheduler.after(patienceMs, () => {
        if (chance.happens(0.8)) device.act(callId, { type: 'hang-up' });
      });
    };
    const atMs = chance.next() * ACTION_MS;
    this.#scheduler.after(atMs, () => place(caller, callees));
    if (isGroup || !chance.happens(0.3)) return;
    // Glare: the other calls too, at nearly the same moment.
    const rivals = this.#devices.filter(({ address }) => address.accountId === callees[0]);
    const rival = chance.pick(rivals);
    this.#scheduler.after(atMs + chance.delay(0, 3_000), () => place(rival, [caller.address.accountId]));
  }

  /** The person of the account: now and then two devices are touched at once. */
  #answer(device: SimDevice, callId: CallId): void {
    const chance = this.#chance;
    const what = chance.next();
    if (what < 0.15) return;
    this.#scheduler.after(chance.happens(0.3) ? 100 : chance.delay(300, 40_000), () => {
      if (what < 0.75) device.act(callId, { type: 'accept' });
      else device.act(callId, { type: 'decline', busy: what > 0.92 });
    });
    if (chance.happens(0.3)) {
      const on = chance.happens(0.7);
      this.#scheduler.after(chance.delay(1_000, 60_000), () => device.act(callId, { type: 'hold', on }));
    }
    if (!chance.happens(0.5)) return;
    this.#scheduler.after(chance.delay(5_000, 100_000), () => device.act(callId, { type: 'hang-up' }));
  }

  #preconnect(callId: CallId, device: SimDevice): void {
    this.#scheduler.after(this.#chance.delay(100, 3_000), () => {
      if (!device.isAlive || device.phaseOf(callId) !== 'ringing-in') return;
      this.#preconnected.add(`${callId}/${addressKey(device.address)}`);
      device.preconnected(callId);
    });
  }

  #link(callId: CallId, device: SimDevice, to: Address | undefined): void {
    const link = this.#links.get(callId) ?? { ends: new Map(), isUp: false };
    this.#links.set(callId, link);
    const key = addressKey(device.address);
    if (to) {
      link.ends.set(key, { device, to });
      this.#joinEnds(callId, link);
      return;
    }
    if (!link.ends.delete(key) || !link.isUp) return;
    link.isUp = false;
    for (const { device: other } of link.ends.values()) {
      const event = { type: 'media-lost', link: 'peer' } as const;
      this.#scheduler.after(this.#chance.delay(100, MEDIA_SILENCE_MS), () => other.media(callId, event));
    }
  }

  #joinEnds(callId: CallId, link: PeerLink): void {
    const ends = [...link.ends.values()];
    const [a, b] = ends;
    const meet =
      a && b && addressKey(a.to) === addressKey(b.device.address) && addressKey(b.to) === addressKey(a.device.address);
    if (!meet || link.isUp) return;
    const wasUp = ends.some(({ device }) => this.#preconnected.delete(`${callId}/${addressKey(device.address)}`));
    this.#scheduler.after(wasUp ? 1 : this.#chance.delay(100, 3_000), () => {
      if (link.isUp || link.ends.size < 2) return;
      link.isUp = true;
      for (const { device } of link.ends.values()) device.media(callId, { type: 'media-connected', link: 'peer' });
    });
  }

  /** What is said by way of the relay, entitled or not. */
  #talk(device: SimDevice, callId: CallId): void {
    const to = this.#chance.pick(this.#devices).address;
    const sealed = new Uint8Array(8);
    void device.socket.request(callId, { type: 'relay', by: device.address, to, sealed });
  }

  #planTrouble(): void {
    const chance = this.#chance;
    const often = (rate: number, run: () => void) => {
      for (let count = chance.below(1 + Math.ceil(rate * this.#trouble)); count > 0; count--) {
        this.#scheduler.after(chance.next() * ACTION_MS, run);
      }
    };
    if (this.#trouble === 0) return;
    often(10, () => {
      const device = chance.pick(this.#devices);
      this.#trace(`${addressKey(device.address)} loses its socket`);
      device.socket.breakNow();
    });
    often(3, () => this.#killNode());
    often(2, () => {
      const { store } = chance.pick(this.#nodes);
      this.#trace(`${store.run} loses the store`);
      store.lose(chance.delay(100, 8_000));
    });
    often(1, () => chance.pick(this.#devices).die());
    often(4, () => {
      const links = [...this.#links].filter(([, { isUp }]) => isUp);
      if (links.length > 0) this.#breakMedia(...chance.pick(links));
    });
  }

  #killNode(): void {
    const alive = this.#nodes.filter(({ isAlive }) => isAlive);
    if (alive.length === 0) return;
    const node = this.#chance.pick(alive);
    this.#trace(`${node.store.run} is killed`);
    node.kill();
    for (const device of this.#devices) device.socket.nodeDied(node);
    this.#scheduler.after(this.#chance.delay(500, 15_000), () => void this.#startNode());
  }

  #breakMedia(callId: CallId, link: PeerLink): void {
    link.isUp = false;
    for (const { device } of link.ends.values()) device.media(callId, { type: 'media-lost', link: 'peer' });
    // Sometimes for longer than either end waits.
    this.#scheduler.after(this.#chance.delay(1_000, 45_000), () => this.#joinEnds(callId, link));
  }
}

function wordsOf(call: Call): string {
  if (call.phase === 'ended')
    return `ended ${call.endings.map(({ accountId, reason }) => `${accountId} ${reason}`).join(', ')}`;
  const words = call.participants.map((p) => {
    const lost = p.state === 'joined' && p.lostUntilMs !== null ? ' lost' : '';
    return `${p.accountId}.${p.deviceId} ${p.state}${lost}`;
  });
  return words.join(', ');
}
