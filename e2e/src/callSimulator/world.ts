// One simulated world from its seed: people with devices, nodes, calls among
// them, and everything that goes wrong. `play` runs it to its end and to quiet.
import type { CallView } from '@carillon/client/calls';
import { type AccountId, type Address, addressKey, type CallId, type DeviceId } from '@carillon/protocol';
import type { Call } from '@carillon/signaling/parts';
import { Breach, checkChange, checkNotice, checkQuiet, checkRelay, checkRinging } from './rules.ts';
import { Chance, Scheduler } from './scheduler.ts';
import { NodeStore, SharedStore } from './sharedStore.ts';
import { Post } from './simChannel.ts';
import { SimDevice } from './simDevice.ts';
import { type NewestSeats, SimNode } from './simNode.ts';
import { PeerNet } from './simPeers.ts';
import { enterVirtualTime } from './virtualTime.ts';

/** Calls are placed and things break for so long; then everything may settle. */
const ACTION_MS = 90_000;
/** A ring, dead sockets noticed, the reconnect bound, a dead node's lease, and some to spare. */
const QUIET_MS = 240_000;
const CHECK_EVERY_MS = 5_000;

export interface Played {
  readonly seed: number;
  readonly calls: number;
  /** Calls in which two or more devices were at once. */
  readonly answered: number;
}

export class World {
  readonly #chance: Chance;
  readonly #scheduler = new Scheduler();
  readonly #store: SharedStore;
  readonly #post: Post;
  readonly #net: PeerNet;
  readonly #devices: SimDevice[] = [];
  readonly #nodes: SimNode[] = [];
  readonly #newest: NewestSeats = new Map();
  readonly #answered = new Set<CallId>();
  #breach: Breach | undefined;
  #calls = 0;
  #runs = 0;
  /** How much goes wrong, 0 to 1. */
  readonly #trouble: number;

  readonly #trace: (line: string) => void;

  private constructor(seed: number, trace: (line: string) => void) {
    this.#trace = (line) => trace(`${((this.#scheduler.nowMs - 1_000_000) / 1000).toFixed(3)} ${shortened(line)}`);
    this.#chance = new Chance(seed);
    this.#trouble = this.#chance.pick([0, 0.2, 0.6, 1]);
    this.#post = new Post(this.#scheduler, this.#chance);
    this.#net = new PeerNet(this.#scheduler, this.#chance);
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
    const leave = enterVirtualTime(world.#scheduler, new Chance(~seed));
    try {
      await world.#play();
    } catch (error) {
      if (error instanceof Breach) throw new Breach(`seed ${seed}: ${shortened(error.message)}`);
      throw error;
    } finally {
      leave();
    }
    return { seed, calls: world.#calls, answered: world.#answered.size };
  }

  async #play(): Promise<void> {
    const chance = this.#chance;
    for (let count = 1 + chance.below(3); count > 0; count--) await this.#startNode();
    const accounts = Array.from({ length: 2 + chance.below(3) }, (_, i) => accountId(i));
    for (const account of accounts) {
      for (let id = 1 + chance.below(3); id > 0; id--) {
        this.#addDevice({ accountId: account, deviceId: id as DeviceId });
      }
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
    for (const device of this.#devices) if (device.isAlive) device.die();
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
    const device = new SimDevice(address, {
      ...{ scheduler: this.#scheduler, chance: this.#chance, post: this.#post, net: this.#net },
      node: () => {
        const alive = this.#nodes.filter(({ isAlive }) => isAlive);
        return alive.length > 0 ? this.#chance.pick(alive) : undefined;
      },
      rings: (self, callId) => this.#answer(self, callId),
      saw: (self, view) => this.#trace(`${addressKey(self.address)} ${view.callId} ${phaseOf(view)}`),
      noticed: (self, notice) => {
        this.#trace(`${addressKey(self.address)} is told: ${notice.words}`);
        this.#watch(() => checkNotice(self, notice));
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
    const atMs = chance.next() * ACTION_MS;
    this.#scheduler.after(atMs, () => void this.#place(caller, callees));
    if (isGroup || !chance.happens(0.3)) return;
    // Glare: the other calls too, at nearly the same moment.
    const rival = chance.pick(this.#devices.filter(({ address }) => address.accountId === callees[0]));
    this.#scheduler.after(atMs + chance.delay(0, 3_000), () => void this.#place(rival, [caller.address.accountId]));
  }

  async #place(device: SimDevice, callees: readonly AccountId[]): Promise<void> {
    const chance = this.#chance;
    const patienceMs = chance.happens(0.8) ? chance.delay(100, 120_000) : Number.POSITIVE_INFINITY;
    const callId = await device.place(callees);
    if (callId === undefined) return;
    this.#calls += 1;
    if (Number.isFinite(patienceMs)) {
      this.#scheduler.after(patienceMs, () => void device.act(callId, (calls) => calls.hangUp(callId)));
    }
    this.#talk(device, callId);
  }

  /** The person of the account: now and then two devices are touched at once. */
  #answer(device: SimDevice, callId: CallId): void {
    const chance = this.#chance;
    const what = chance.next();
    if (what < 0.15) return;
    const holdCurrent = chance.happens(0.5);
    this.#scheduler.after(chance.happens(0.3) ? 100 : chance.delay(300, 40_000), () => {
      if (what < 0.75) void device.act(callId, (calls) => calls.accept(callId, { video: false, holdCurrent }));
      else void device.act(callId, (calls) => calls.decline(callId));
    });
    if (what < 0.75) this.#talk(device, callId);
  }

  /** What somebody in a call does with it. */
  #talk(device: SimDevice, callId: CallId): void {
    const chance = this.#chance;
    const sometimes = (likely: number, run: Parameters<SimDevice['act']>[1]) => {
      if (!chance.happens(likely)) return;
      this.#scheduler.after(chance.delay(1_000, 100_000), () => void device.act(callId, run));
    };
    sometimes(0.3, (calls) => calls.setHeld(callId, true));
    sometimes(0.3, (calls) => calls.setHeld(callId, false));
    sometimes(0.3, (calls) => calls.setCamera(chance.happens(0.7)));
    sometimes(0.4, (calls) => calls.hangUp(callId));
    const guest = chance.pick(this.#devices).address.accountId;
    if (guest !== device.address.accountId) sometimes(0.1, (calls) => calls.invite(callId, [guest]));
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
      const device = this.#someone('loses its socket');
      device.ways.breakNow();
    });
    often(3, () => this.#killNode());
    often(2, () => {
      const { store } = chance.pick(this.#nodes);
      this.#trace(`${store.run} loses the store`);
      store.lose(chance.delay(100, 8_000));
    });
    often(1, () => this.#someone('dies').die());
    often(1, () => void this.#someone('is loaded again').reload());
    often(3, () => this.#loseNetwork(this.#someone('loses its network')));
    often(2, () => this.#someone('loses its rooms').engine.loseRooms(chance.delay(500, 20_000)));
    often(4, () => {
      const { connected } = this.#net;
      if (connected.length === 0) return;
      this.#trace('a way breaks');
      const forMs = chance.happens(0.5) ? chance.delay(500, 45_000) : Number.POSITIVE_INFINITY;
      this.#net.cut(chance.pick(connected), this.#scheduler.nowMs + forMs);
    });
  }

  #someone(what: string): SimDevice {
    const device = this.#chance.pick(this.#devices);
    this.#trace(`${addressKey(device.address)} ${what}`);
    return device;
  }

  /** For a moment, or for longer than anybody waits; often it is another network then. */
  #loseNetwork(device: SimDevice): void {
    const chance = this.#chance;
    if (!device.network.isUp) return;
    device.network.isUp = false;
    device.ways.breakNow();
    this.#net.changed(device.network);
    const isAnother = chance.happens(0.5);
    this.#scheduler.after(chance.delay(200, 50_000), () => {
      if (!device.isAlive) return;
      device.network.isUp = true;
      if (isAnother) this.#net.moved(device.network);
      this.#net.changed(device.network);
      this.#trace(`${addressKey(device.address)} has a network again`);
      if (chance.happens(0.7)) device.engine.networkChanged();
    });
  }

  #killNode(): void {
    const alive = this.#nodes.filter(({ isAlive }) => isAlive);
    if (alive.length === 0) return;
    const node = this.#chance.pick(alive);
    this.#trace(`${node.store.run} is killed`);
    node.kill();
    for (const device of this.#devices) device.ways.nodeDied(node);
    this.#scheduler.after(this.#chance.delay(500, 15_000), () => void this.#startNode());
  }
}

function accountId(number: number): AccountId {
  return `account${number}${'A'.repeat(14)}` as AccountId;
}

/** Ids are long; here their beginnings tell them apart. */
function shortened(line: string): string {
  return line.replaceAll('A'.repeat(14), '').replace(/\b([\w-]{6})[\w-]{16}\b/g, '$1');
}

function phaseOf({ phase, endReason, held, words }: CallView): string {
  return `${phase}${held ? ' held' : ''}${endReason ? ` ${endReason}: ${words}` : ''}`;
}

function wordsOf(call: Call): string {
  if (call.phase === 'ended')
    return `ended ${call.endings.map(({ accountId: account, reason }) => `${account} ${reason}`).join(', ')}`;
  const words = call.participants.map((p) => {
    const lost = p.state === 'joined' && p.lostUntilMs !== null ? ' lost' : '';
    return `${p.accountId}.${p.deviceId} ${p.state}${lost}`;
  });
  return words.join(', ');
}
