// Calls that many nodes share, in one Redis. The swap is a script in the call's
// slot; its news go out with it, on the call's channel, to every node that has a
// seat in it. A node which dies leaves nothing that others cannot find: the
// deadline beside the call, and its seats by the name of its run.
import type { AccountId, Address, CallId } from '@carillon/protocol';
import type { LuaScript, RedisLink, RedisReply } from '@carillon/service/redis';
import { type Call, isPresent, nextDeadlineMs } from '../../core/call.ts';
import type { CallNews, Relay, Relayed, SeatName, StoredCall, Swap, Swapped, Told } from '../../core/callTable.ts';
import type { RelayedFrame } from '../../core/outbox.ts';
import type { CallStore, CallStoreEvents, NotedCall } from '../callStore.ts';
import { CLAIM_DEVICE, DUE, RELAY, SCRIPTS, SWAP } from './callScripts.ts';
import { addressOf, callKey, createdKey, deviceField, devicesKey, runOf, slotOf, slots } from './keys.ts';
import { NodeRuns } from './nodeRuns.ts';

/** How often overdue calls and dead nodes are looked for. Lower notices sooner, and asks each slot more often. */
const LOOK_EVERY_MS = 1_000;
/** A call's own node sees to its deadline; so much later another does. */
const OVERDUE_MS = 1_000;
/** Then another tries. */
const DUE_CLAIM_MS = 5_000;
const DUE_AT_ONCE = 64;
/** Frames of a device that stayed away: longer than a ring, a lost socket and the reconnect bound together. */
const FRAMES_KEPT_MS = 180_000;
/** Of what an account created, a device's newest seat and its reports; no call lasts as long without them being written anew. */
const REMEMBERED_MS = 86_400_000;

export interface RedisCallStoreOptions {
  readonly link: RedisLink;
  readonly node: string;
  readonly now: () => number;
  /** How long an ended call can tell why it ended. */
  readonly endedKeptMs: number;
  /** Tests only need dead nodes noticed sooner. */
  readonly leaseMs?: number | undefined;
}

interface Followed {
  stored: StoredCall | undefined;
  readonly subscribed: Promise<() => Promise<void>>;
}

export class RedisCallStore implements CallStore {
  readonly restored = [];
  /** Kept in Redis, within bounds of their own. */
  readonly outboxBytes = 0;
  readonly #link: RedisLink;
  readonly #options: RedisCallStoreOptions;
  readonly #run: string;
  readonly #followed = new Map<CallId, Followed>();
  #runs: NodeRuns | undefined;
  #events: CallStoreEvents | undefined;
  #looking: NodeJS.Timeout | undefined;
  #isLooking: Promise<void> | undefined;
  #seats = 0;

  private constructor(options: RedisCallStoreOptions) {
    this.#link = options.link;
    this.#options = options;
    this.#run = NodeRuns.newRun(options.node);
  }

  /** The link stays open when this is closed. */
  static async open(options: RedisCallStoreOptions): Promise<RedisCallStore> {
    await options.link.load(SCRIPTS);
    return new RedisCallStore(options);
  }

  get live(): number {
    return this.#followed.size;
  }

  async start(events: CallStoreEvents): Promise<void> {
    this.#events = events;
    const { node, leaseMs } = this.#options;
    const onMessage = (message: string) => {
      const [device, seat] = message.split(' ');
      if (device && seat) events.replaced(addressOf(device), seat);
    };
    this.#runs = await NodeRuns.open({ link: this.#link, node, leaseMs, events, onMessage }, this.#run);
    this.#looking = setInterval(() => {
      this.#isLooking ??= this.#look().finally(() => {
        this.#isLooking = undefined;
      });
    }, LOOK_EVERY_MS).unref();
  }

  seatName(): SeatName {
    this.#seats += 1;
    return `${this.#run}|${this.#seats}`;
  }

  async claim(device: Address, seat: SeatName): Promise<void> {
    const key = devicesKey(device.accountId);
    const args = [`${device.deviceId}`, seat, `${REMEMBERED_MS}`];
    const before = (await this.#link.run(CLAIM_DEVICE, key, args)) as Buffer | null;
    const run = before && runOf(before.toString());
    if (run && run !== this.#run) await this.#runs?.tell(run, `${deviceField(device)} ${before.toString()}`);
  }

  async follow(callId: CallId): Promise<void> {
    let followed = this.#followed.get(callId);
    if (!followed) {
      const subscribed = this.#link.subscribe(callKey(callId), (message) => this.#hear(callId, message));
      followed = { stored: undefined, subscribed };
      this.#followed.set(callId, followed);
      subscribed.catch(() => this.#followed.delete(callId));
    }
    await followed.subscribed;
  }

  unfollow(callId: CallId): void {
    const followed = this.#followed.get(callId);
    this.#followed.delete(callId);
    // Redis being away has ended the subscription as well.
    followed?.subscribed.then((stop) => stop()).catch(() => {});
  }

  async read(callId: CallId, fresh: boolean): Promise<StoredCall | undefined> {
    const followed = this.#followed.get(callId);
    if (!fresh && followed?.stored) return followed.stored;
    const key = callKey(callId);
    const [version, json] = (await this.#link.command(key, ['HMGET', key, 'v', 'c'])) as (Buffer | null)[];
    const stored =
      version && json ? { version: Number(version), call: JSON.parse(json.toString()) as Call } : undefined;
    if (followed) followed.stored = stored;
    return stored;
  }

  async swap(swap: Swap): Promise<Swapped> {
    const { callId, version, call, onlyFor, attach, detach, told } = swap;
    const deadlineMs = nextDeadlineMs(call);
    const reply = await this.#run1(SWAP, callId, [
      `${version}`,
      JSON.stringify(call),
      Number.isFinite(deadlineMs) ? `${deadlineMs}` : '',
      call.phase === 'ended' ? `${this.#options.endedKeptMs}` : '',
      ...(onlyFor ? [deviceField(onlyFor.device), onlyFor.seats.join(' ')] : ['', '']),
      ...(attach
        ? [deviceField(attach.device), attach.seat, runOf(attach.seat), `${attach.receivedSeq}`]
        : ['', '', '', '']),
      JSON.stringify(told),
      ...detach.map(deviceField),
    ]);
    const [outcome, nextVersion, frames] = reply as [number, Buffer, Buffer[]];
    if (outcome !== 1) return { done: false, why: outcome === 0 ? 'changed' : 'superseded' };
    return { done: true, version: Number(nextVersion), frames: frames.map(frameOf) };
  }

  async relay({ call, version, from, to, sealed, nowMs }: Relay): Promise<Relayed> {
    const args = [`${version}`, deviceField(to), deviceField(from), Buffer.from(sealed), `${nowMs}`];
    const reply = await this.#run1(RELAY, call.callId, [...args, `${FRAMES_KEPT_MS}`, isPresent(call, to) ? '1' : '']);
    const [outcome, retryAfterMs = 0] = reply as number[];
    if (outcome === -2) return { retryAfterMs };
    return outcome === 1 ? 'done' : outcome === 0 ? 'changed' : 'full';
  }

  async createdBy(accountId: AccountId): Promise<readonly NotedCall[]> {
    const key = createdKey(accountId);
    const noted = (await this.#link.command(key, ['ZRANGE', key, '0', '-1', 'WITHSCORES'])) as [
      Buffer,
      Buffer | number,
    ][];
    return noted.map(([callId, atMs]) => ({ callId: callId.toString() as CallId, atMs: Number(atMs) }));
  }

  async noteCreated(accountId: AccountId, callId: CallId, nowMs: number): Promise<void> {
    const key = createdKey(accountId);
    await this.#link.command(key, ['ZADD', key, `${nowMs}`, callId]);
    await this.#link.command(key, ['PEXPIRE', key, `${REMEMBERED_MS}`]);
  }

  dropCreated(accountId: AccountId, callId: CallId): void {
    const key = createdKey(accountId);
    // Whoever finds it later sees that the call is over.
    this.#link.command(key, ['ZREM', key, callId]).catch(() => {});
  }

  async noteReport(callId: CallId, device: Address): Promise<boolean> {
    const key = `${callKey(callId)}:q:${deviceField(device)}`;
    return (await this.#link.command(key, ['SET', key, '1', 'NX', 'PX', `${REMEMBERED_MS}`])) !== null;
  }

  // Redis drops what its time has come for.
  sweep(): void {}

  problem(): string | undefined {
    return this.#link.problem();
  }

  async close(): Promise<void> {
    clearInterval(this.#looking);
    await this.#isLooking?.catch(() => {});
    await this.#runs?.close();
  }

  #run1(script: LuaScript, callId: CallId, args: readonly (string | Buffer)[]): Promise<RedisReply> {
    return this.#link.run(script, slotOf(callId), [callId, ...args]);
  }

  #hear(callId: CallId, message: Buffer): void {
    const news = newsOf(message);
    const followed = this.#followed.get(callId);
    if (!news || !followed) return;
    if (news.type === 'changed' && news.version > (followed.stored?.version ?? 0))
      followed.stored = { call: news.call, version: news.version };
    this.#events?.news(callId, news);
  }

  /** What other nodes left undone. */
  async #look(): Promise<void> {
    const nowMs = this.#options.now();
    const args = ['', `${nowMs - OVERDUE_MS}`, `${nowMs + DUE_CLAIM_MS}`, `${DUE_AT_ONCE}`];
    try {
      await this.#runs?.bury();
      const due = await Promise.all(slots.map((slot) => this.#link.run(DUE, slot, args)));
      for (const callId of (due as Buffer[][]).flat()) await this.#events?.due(callId.toString() as CallId);
    } catch {
      // `problem()` says why; the claims end, and the next look finds what is left.
    }
  }
}

/** `seq \n from \n sealed` */
function frameOf(entry: Buffer): RelayedFrame {
  const seqEnd = entry.indexOf('\n');
  const fromEnd = entry.indexOf('\n', seqEnd + 1);
  return {
    atMs: 0,
    seq: BigInt(entry.toString('latin1', 0, seqEnd)),
    from: addressOf(entry.toString('latin1', seqEnd + 1, fromEnd)),
    sealed: new Uint8Array(entry.subarray(fromEnd + 1)),
  };
}

/** Undefined when no node of this version wrote it: nodes are updated one after the other. */
function newsOf(message: Buffer): CallNews | undefined {
  const lineEnd = message.indexOf('\n');
  const first = message.toString('latin1', 1, lineEnd);
  try {
    if (message[0] === 0x52)
      return { type: 'relayed', to: addressOf(first), frame: frameOf(message.subarray(lineEnd + 1)) };
    const toldEnd = message.indexOf('\n', lineEnd + 1);
    const told = JSON.parse(message.toString('utf8', lineEnd + 1, toldEnd)) as Told;
    const call = JSON.parse(message.toString('utf8', toldEnd + 1)) as Call;
    return { type: 'changed', version: Number(first), call, ...told };
  } catch {
    return undefined;
  }
}
