// Who is connected, on which of many nodes. Each account has a hash in its slot:
// device -> run of a node, attachment, since when, whether somebody looks. An
// entry counts only while its node's lease is held, so those of a dead node are
// not believed, and are replaced when the device comes back or is looked for.
// Signals go to the node of the entry by sharded pub/sub, or straight to a
// device of this node.
import { randomBytes } from 'node:crypto';
import { type AccountId, type Address, addressKey } from '@carillon/protocol';
import { LuaScript, type RedisLink } from '@carillon/service/redis';
import {
  type Attachment,
  type DeviceSignal,
  EVERYTHING,
  type PresenceState,
  type Switchboard,
} from '../../core/switchboard.ts';
import { NodeLeases } from './nodeLeases.ts';
import { decodeNodeSignal, encodeNodeSignal } from './nodeSignals.ts';
import { PresenceWatches } from './presenceWatches.ts';

/** Devices put back at once after Redis was away: more is quicker, and holds up other commands. */
const REMAKE_AT_ONCE = 200;
/**
 * Each device is told to look into its queue this often: the signal of a node that died between its write and its
 * word is made up for then. Lower finds such a message sooner, and costs a read of each connected device's queue.
 */
const LOOK_AGAIN_MS = 300_000;
/** Parts in which that is done, so that it is no burst. */
const LOOK_AGAIN_PARTS = 100;
/** Devices that left while Redis was away, remembered to be taken out of it later; past it their entries stay until they return. */
const LEFT_MAX = 50_000;
/** Watched accounts are looked at again with every so many renewals: what a dead node had to say. */
const CHECK_EVERY_RENEWALS = 4;

const accountKey = (accountId: AccountId) => `carillon:{a:${accountId}}:on`;
const INVALIDATE = 'carillon:{invalidate}';

/** Entries are `run|attachment|attachedAtMs|active`. */
const PRELUDE = `
local function changed() redis.call('SPUBLISH', KEYS[1] .. ':presence', '1') end
local function isActive(entry) return entry and entry:sub(-1) == '1' end
`;
/** ARGV: device, entry, attachedAtMs, and 'remake' unless it is new. Gives the entry before, and whether ours counts. */
const ATTACH = new LuaScript(
  'attach',
  `${PRELUDE}
   local before = redis.call('HGET', KEYS[1], ARGV[1])
   if before and ARGV[4] == 'remake' and before ~= ARGV[2] then
     local since = tonumber(before:match('^[^|]*|[^|]*|(%d+)|')) or 0
     if since > tonumber(ARGV[3]) then return {0, before} end
   end
   redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
   if isActive(before) ~= isActive(ARGV[2]) then changed() end
   return {1, before}`,
);
/** ARGV: device, the entry's beginning, active. */
const SET_ACTIVE = new LuaScript(
  'set active',
  `${PRELUDE}
   local entry = redis.call('HGET', KEYS[1], ARGV[1])
   if not entry or entry:sub(1, #ARGV[2]) ~= ARGV[2] then return 0 end
   redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ARGV[3])
   changed()
   return 1`,
);
/** ARGV: device, the entry's beginning or '' for any. Gives what was removed. */
const DETACH = new LuaScript(
  'detach',
  `${PRELUDE}
   local entry = redis.call('HGET', KEYS[1], ARGV[1])
   if not entry or entry:sub(1, #ARGV[2]) ~= ARGV[2] then return false end
   redis.call('HDEL', KEYS[1], ARGV[1])
   if isActive(entry) then changed() end
   return entry`,
);

interface Local {
  readonly address: Address;
  readonly attachment: string;
  readonly attachedAtMs: number;
  readonly onSignal: (signal: DeviceSignal) => void;
  active: boolean;
}

interface Entry {
  readonly run: string;
  readonly attachment: string;
  readonly active: boolean;
}

export interface RedisSwitchboardOptions {
  readonly link: RedisLink;
  readonly node: string;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** Tests only need a shorter one. */
  readonly lookAgainMs?: number;
}

export class RedisSwitchboard implements Switchboard {
  readonly #link: RedisLink;
  readonly #now: () => number;
  readonly #locals = new Map<string, Local>();
  readonly #left = new Set<Local>();
  readonly #onInvalidate = new Set<(key: string) => void>();
  readonly #watches: PresenceWatches;
  #leases!: NodeLeases;
  readonly #lookAgain: NodeJS.Timeout;
  /** Goes on while devices come and go. */
  #lookingAt: Iterator<Local> = [].values();
  #renewals = 0;

  private constructor({ link, now, lookAgainMs = LOOK_AGAIN_MS }: RedisSwitchboardOptions) {
    this.#link = link;
    this.#now = now;
    this.#lookAgain = setInterval(() => this.#lookAtSome(), lookAgainMs / LOOK_AGAIN_PARTS).unref();
    this.#watches = new PresenceWatches({
      link,
      now,
      channelOf: (accountId) => `${accountKey(accountId)}:presence`,
      isActive: (accountId) => this.isActive(accountId),
    });
  }

  /** The link stays open when this is closed. */
  static async open(options: RedisSwitchboardOptions): Promise<RedisSwitchboard> {
    const board = new RedisSwitchboard(options);
    board.#leases = await NodeLeases.open({
      ...options,
      onSignal: (message) => board.#hear(message),
      onLost: () => void board.#remakeAll(),
      onRenewed: () => {
        board.#renewals += 1;
        if (board.#renewals % CHECK_EVERY_RENEWALS === 0) board.#watches.checkAll();
      },
    });
    await options.link.subscribe(INVALIDATE, (message) => board.#hearInvalidation(message.toString()));
    return board;
  }

  async attach(address: Address, onSignal: (signal: DeviceSignal) => void): Promise<Attachment> {
    const key = addressKey(address);
    const attachment = randomBytes(6).toString('hex');
    const local: Local = { address, attachment, attachedAtMs: this.#now(), onSignal, active: false };
    const older = this.#locals.get(key);
    this.#locals.set(key, local);
    older?.onSignal({ type: 'cut', why: 'replaced-by-new-connection' });
    // Without Redis the device is connected all the same; others learn of it when Redis is back.
    await this.#put(local, 'new').catch(() => {});
    return {
      detach: () => this.#detach(local),
      setActive: (active) => this.#setActive(local, active),
    };
  }

  async signal(address: Address, signal: DeviceSignal): Promise<boolean> {
    const local = this.#locals.get(addressKey(address));
    if (local) {
      if (signal.type === 'cut') await this.#detach(local);
      local.onSignal(signal);
      return true;
    }
    try {
      const entry = signal.type === 'cut' ? await this.#take(address) : await this.#entry(address);
      if (!entry) return false;
      const { run, attachment } = entry;
      return await this.#leases.tell(run, encodeNodeSignal({ address, attachment, signal }));
    } catch {
      // A lost signal costs a moment: queues are read again on every connection.
      return false;
    }
  }

  async isConnected(address: Address): Promise<boolean> {
    if (this.#locals.has(addressKey(address))) return true;
    const entry = await this.#entry(address);
    return entry !== undefined && (await this.#leases.isHeld(entry.run));
  }

  watchPresence(accountId: AccountId, onChange: (presence: PresenceState) => void): Promise<() => void> {
    return this.#watches.add(accountId, onChange);
  }

  async isActive(accountId: AccountId): Promise<boolean> {
    const entries = (await this.#link.command(accountKey(accountId), ['HVALS', accountKey(accountId)])) as Buffer[];
    for (const { run, active } of entries.map(parsed)) if (active && (await this.#leases.isHeld(run))) return true;
    return false;
  }

  async invalidate(key: string): Promise<void> {
    this.#invalidated(key);
    await this.#link.publish(INVALIDATE, `${this.#leases.run} ${key}`);
  }

  onInvalidate(listener: (key: string) => void): void {
    this.#onInvalidate.add(listener);
  }

  problem(): string | undefined {
    return this.#link.problem();
  }

  async close(): Promise<void> {
    clearInterval(this.#lookAgain);
    await Promise.all([...this.#locals.values()].map((local) => this.#detach(local)));
    await this.#leases.close();
  }

  #beginning(local: Local): string {
    return `${this.#leases.run}|${local.attachment}|${local.attachedAtMs}|`;
  }

  async #put(local: Local, way: 'new' | 'remake'): Promise<void> {
    const { address, attachedAtMs, active } = local;
    const entry = `${this.#beginning(local)}${active ? 1 : 0}`;
    const args = [`${address.deviceId}`, entry, `${attachedAtMs}`, way];
    const reply = (await this.#link.run(ATTACH, accountKey(address.accountId), args)) as [number, Buffer | null];
    if (reply[0] === 0) return this.#replaced(local);
    const before = reply[1] && parsed(reply[1]);
    if (!before || before.run === this.#leases.run) return;
    const signal: DeviceSignal = { type: 'cut', why: 'replaced-by-new-connection' };
    const { run, attachment } = before;
    await this.#leases.tell(run, encodeNodeSignal({ address, attachment, signal }));
  }

  async #detach(local: Local): Promise<void> {
    const key = addressKey(local.address);
    if (this.#locals.get(key) === local) this.#locals.delete(key);
    const args = [`${local.address.deviceId}`, this.#beginning(local)];
    try {
      await this.#link.run(DETACH, accountKey(local.address.accountId), args);
      this.#left.delete(local);
    } catch {
      // An entry that stays would have others believe that nobody need wake the device.
      if (this.#left.size < LEFT_MAX) this.#left.add(local);
    }
  }

  async #setActive(local: Local, active: boolean): Promise<void> {
    if (local.active === active || this.#locals.get(addressKey(local.address)) !== local) return;
    local.active = active;
    const { accountId, deviceId } = local.address;
    const args = [`${deviceId}`, this.#beginning(local), active ? '1' : '0'];
    // Put back with what it is by then.
    await this.#link.run(SET_ACTIVE, accountKey(accountId), args).catch(() => {});
  }

  /** A newer connection of the device is on another node. */
  #replaced(local: Local): void {
    const key = addressKey(local.address);
    if (this.#locals.get(key) !== local) return;
    this.#locals.delete(key);
    local.onSignal({ type: 'cut', why: 'replaced-by-new-connection' });
    // What was signalled here in between belongs to the successor.
    void this.signal(local.address, { type: 'queued' });
  }

  #hear(message: Buffer): void {
    const heard = decodeNodeSignal(message);
    if (!heard) return;
    const { address, attachment, signal } = heard;
    const local = this.#locals.get(addressKey(address));
    if (!local || (attachment !== undefined && attachment !== local.attachment)) {
      void this.#forget(address, attachment);
      return;
    }
    if (signal.type === 'cut' && signal.why === 'replaced-by-new-connection') {
      this.#replaced(local);
      return;
    }
    if (signal.type === 'cut') void this.#detach(local);
    local.onSignal(signal);
  }

  /** Others were told of an attachment that is not here any more: the next one is to know. */
  async #forget({ accountId, deviceId }: Address, attachment: string | undefined): Promise<void> {
    if (attachment === undefined) return;
    const beginning = `${this.#leases.run}|${attachment}|`;
    await this.#link.run(DETACH, accountKey(accountId), [`${deviceId}`, beginning]).catch(() => {});
  }

  #hearInvalidation(message: string): void {
    const space = message.indexOf(' ');
    if (message.slice(0, space) !== this.#leases.run) this.#invalidated(message.slice(space + 1));
  }

  #invalidated(key: string): void {
    for (const listener of this.#onInvalidate) listener(key);
  }

  /** Redis may have forgotten what it was told, and this node has missed what it was to hear. */
  async #remakeAll(): Promise<void> {
    this.#invalidated(EVERYTHING);
    for (const local of [...this.#left]) await this.#detach(local);
    const locals = [...this.#locals.values()];
    for (let i = 0; i < locals.length; i += REMAKE_AT_ONCE) {
      const part = locals.slice(i, i + REMAKE_AT_ONCE);
      await Promise.all(
        part.map(async (local) => {
          if (this.#locals.get(addressKey(local.address)) !== local) return;
          await this.#put(local, 'remake').catch(() => {});
          local.onSignal({ type: 'queued' });
        }),
      );
    }
    this.#watches.checkAll();
  }

  #lookAtSome(): void {
    for (let left = Math.ceil(this.#locals.size / LOOK_AGAIN_PARTS); left > 0; left--) {
      let next = this.#lookingAt.next();
      if (next.done) {
        this.#lookingAt = this.#locals.values();
        next = this.#lookingAt.next();
      }
      if (next.done) return;
      next.value.onSignal({ type: 'queued' });
    }
  }

  async #entry({ accountId, deviceId }: Address): Promise<Entry | undefined> {
    const key = accountKey(accountId);
    const entry = await this.#link.command(key, ['HGET', key, `${deviceId}`]);
    return entry === null ? undefined : parsed(entry as Buffer);
  }

  async #take({ accountId, deviceId }: Address): Promise<Entry | undefined> {
    const entry = await this.#link.run(DETACH, accountKey(accountId), [`${deviceId}`, '']);
    return entry === null ? undefined : parsed(entry as Buffer);
  }
}

function parsed(entry: Buffer): Entry {
  const [run = '', attachment = '', , active] = entry.toString().split('|');
  return { run, attachment, active: active === '1' };
}
