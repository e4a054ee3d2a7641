// The one owner of every call. Each event is stepped and its effects are run
// before the next is looked at: nothing here waits, so no two events of a call
// can ever see the same state.

import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AccountId,
  type Address,
  type CallId,
  ProtocolError,
  type SignalingServerFrameSchema,
} from '@carillon/protocol';
import { type Log, loggable, TokenBucket } from '@carillon/service';
import {
  type Bounds,
  type Call,
  type CallEvent,
  type Effect,
  type EndReason,
  isSameDevice,
  type LiveCall,
} from '../core/call.ts';
import { collides, glareWinner } from '../core/glare.ts';
import type { RelayedFrame } from '../core/outbox.ts';
import { Outboxes } from '../core/outboxes.ts';
import { step } from '../core/step.ts';
import type { CallStore } from './callStore.ts';
import type { Seat, Seats } from './seats.ts';
import type { SfuNodes } from './sfuNodes.ts';
import { callStateOf, END_REASONS } from './wire.ts';

type ServerFrame = MessageInitShape<typeof SignalingServerFrameSchema>;

/**
 * Calls that one account has created and that still run. Two would do for a
 * person; raising it lets one account make more strangers' devices ring at once.
 */
const CREATED_PER_ACCOUNT_MAX = 4;
/** Calls one socket hears of at once. */
const ATTACHED_PER_SEAT_MAX = 32;

export interface CallsOptions {
  readonly store: CallStore;
  readonly seats: Seats;
  readonly nodes: SfuNodes;
  readonly bounds: Bounds;
  /** Live calls at once; as many ended ones are remembered besides. */
  readonly callsMax: number;
  /** Calls that one account may create, on average. */
  readonly createsPerMinute: number;
  /** Bytes of relayed frames kept for all devices together. */
  readonly outboxBytesMax: number;
  readonly now: () => number;
  readonly log: Log;
  readonly onEnded?: ((ended: EndedCallNote) => void) | undefined;
}

export interface EndedCallNote {
  readonly callId: CallId;
  /** Of the first to hear of it. */
  readonly reason: EndReason;
  /** From its creation. */
  readonly durationMs: number;
}

/** setTimeout takes no more, and fires at once on what is beyond it: a clock set back by weeks would spin. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** How often old relayed frames and rested accounts are looked for. */
const SWEEP_MS = 30_000;
/** Until a dead socket is noticed by its missed heartbeats, with some to spare. */
const SOCKET_DEATH_MS = 90_000;

interface Owned {
  call: Call;
  timer: NodeJS.Timeout | undefined;
}

/** A device's request: where its answer goes. */
export interface Asker {
  readonly seat: Seat;
  readonly requestId: number;
}

/** What `room` gets: the ticket is signed outside, because signing waits. */
export interface Ticketed {
  readonly node: string;
  readonly number: number;
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #calls = new Map<CallId, Owned>();
  readonly #createdBy = new Map<AccountId, Set<CallId>>();
  readonly #creates = new Map<AccountId, TokenBucket>();
  /** Oldest first. */
  readonly #ended = new Set<CallId>();
  readonly #sweep: NodeJS.Timeout;
  readonly #outboxes = new Outboxes();
  /** Why calls cannot be stored at the moment. */
  #problem: string | undefined;
  #closed = false;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.sweep(), SWEEP_MS);
    this.#sweep.unref();
    for (const call of options.store.all()) {
      this.#own(call);
      if (call.phase === 'live' && call.node !== null) options.nodes.assigned(call.node);
      this.apply(call.callId, { type: 'restored', nodes: options.nodes.ids });
    }
  }

  /** Steps the call and runs the effects. @throws ProtocolError when the core refuses. */
  apply(callId: CallId, event: CallEvent, asker?: Asker): Ticketed | undefined {
    if (this.#closed) throw new ProtocolError('shutting-down');
    const owned = this.#calls.get(callId);
    if (asker) this.#admit(callId, event, asker, owned);
    const glare = event.type === 'create' && !owned ? this.#beforeCreate(event) : undefined;
    const proposed = event.type === 'room' ? { ...event, node: this.#options.nodes.choose()?.id } : event;
    const result = step(owned?.call, proposed, this.#options.now(), this.#options.bounds);
    if ('refusal' in result) {
      for (const effect of result.effects) this.#run(callId, effect, owned, asker);
      throw new ProtocolError(result.refusal);
    }
    const { call, effects } = result;
    if (call) {
      this.#account(owned?.call, call);
      const current = owned ?? this.#own(call);
      current.call = call;
      for (const effect of effects) this.#run(callId, effect, current, asker);
      if (call.phase === 'ended') this.#remember(current);
    } else if (owned) {
      this.#disown(owned);
    }
    if (glare) this.#settleGlare(callId, glare);
    const ticket = effects.find((effect) => effect.type === 'ticket');
    return ticket && { node: ticket.node, number: ticket.number };
  }

  /** The seat's socket is gone: its calls count the time. */
  lost(seat: Seat): void {
    if (this.#closed) return;
    for (const callId of seat.attached) {
      if (this.#calls.has(callId)) this.#quietly(callId, { type: 'socket_lost', by: seat.address });
    }
    seat.attached.clear();
  }

  /** Drops what time alone has made useless. */
  sweep(): void {
    const { now, bounds } = this.#options;
    const nowMs = now();
    for (const [accountId, bucket] of this.#creates) if (bucket.isFull(nowMs)) this.#creates.delete(accountId);
    const oldestMs = nowMs - bounds.ringMs - bounds.reconnectMs - SOCKET_DEATH_MS;
    this.#outboxes.dropBefore(oldestMs);
  }

  /** Calls that have not ended. */
  get live(): number {
    return this.#calls.size - this.#ended.size;
  }

  problems(): string[] {
    return this.#problem === undefined ? [] : [this.#problem];
  }

  /** Stops the timers and takes nothing any more; what is stored stays. */
  close(): void {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const { timer } of this.#calls.values()) clearTimeout(timer);
  }

  /** The bounds that go beyond one call. */
  #admit(callId: CallId, event: CallEvent, { seat }: Asker, owned: Owned | undefined): void {
    const { callsMax, outboxBytesMax, now } = this.#options;
    if (event.type === 'create' && !owned) {
      const full = this.live >= callsMax;
      if (full) throw new ProtocolError('rate-limited', { retryAfterMs: 60_000 });
      this.#takeCreate(seat.address.accountId);
    }
    if (event.type === 'relay') {
      if (!seat.relays.take(now())) throw new ProtocolError('rate-limited', { retryAfterMs: seat.relays.waitMs() });
      if (this.#outboxes.bytes >= outboxBytesMax) throw new ProtocolError('rate-limited', { retryAfterMs: 10_000 });
    }
    if (seat.attached.size >= ATTACHED_PER_SEAT_MAX && !seat.attached.has(callId)) {
      throw new ProtocolError('rate-limited', { retryAfterMs: 60_000 });
    }
  }

  #takeCreate(accountId: AccountId): void {
    const { now, createsPerMinute } = this.#options;
    const rate = { perSecond: createsPerMinute / 60, burst: createsPerMinute };
    const bucket = this.#creates.get(accountId) ?? new TokenBucket(rate, now());
    this.#creates.set(accountId, bucket);
    if (!bucket.take(now())) throw new ProtocolError('rate-limited', { retryAfterMs: bucket.waitMs() });
  }

  /**
   * A device that calls somebody with whom it is in a peer call already has lost
   * or given up that call: it is hung up. Returns the call that the new one
   * collides with, if the callee calls too.
   */
  #beforeCreate({ by, callees, room }: Extract<CallEvent, { type: 'create' }>): CallId | undefined {
    const callee = callees.length === 1 && !room ? callees[0] : undefined;
    for (const call of callee ? this.#createdByEither(by.accountId, callee) : []) {
      const has = (accountId: AccountId) => call.participants.some((p) => p.accountId === accountId);
      const isIn = call.participants.some((p) => p.state === 'joined' && isSameDevice(by, p));
      if (call.mode === 'peer' && callee && has(callee) && isIn) this.#quietly(call.callId, { type: 'hang_up', by });
    }
    if ((this.#createdBy.get(by.accountId)?.size ?? 0) >= CREATED_PER_ACCOUNT_MAX) {
      throw new ProtocolError('rate-limited', { retryAfterMs: this.#options.bounds.ringMs });
    }
    if (!callee) return undefined;
    return this.#createdByEither(callee).find((call) => collides(call, by.accountId, callee))?.callId;
  }

  /** Live calls that any of the accounts created. */
  #createdByEither(...accounts: readonly AccountId[]): LiveCall[] {
    return accounts.flatMap((accountId) =>
      [...(this.#createdBy.get(accountId) ?? [])].flatMap((callId) => {
        const call = this.#calls.get(callId)?.call;
        return call?.phase === 'live' ? [call] : [];
      }),
    );
  }

  #settleGlare(created: CallId, other: CallId): void {
    const loser = glareWinner(created, other) === created ? other : created;
    this.#quietly(loser, { type: 'glare_lost' });
  }

  #run(callId: CallId, effect: Effect, owned: Owned | undefined, asker: Asker | undefined): void {
    switch (effect.type) {
      case 'persist':
        if (owned) this.#storing((store) => store.put(owned.call));
        return;
      case 'timer':
        if (owned) this.#schedule(callId, owned, effect.atMs);
        return;
      case 'reply':
        if (asker && owned) reply(asker, owned.call, effect.body);
        return;
      case 'attach':
        this.#attach(callId, owned, effect, asker);
        return;
      case 'detach':
        this.#detach(callId, effect.device);
        return;
      case 'state':
        if (owned?.call.phase === 'live') {
          const body = { case: 'state', value: callStateOf(owned.call) } as const;
          for (const device of effect.to) this.#send(callId, device, { body });
        }
        return;
      case 'ended': {
        const { to, reason, by } = effect;
        const value = { callId, reason: END_REASONS[reason], byAccountId: by ?? '' };
        const frame: ServerFrame = { body: { case: 'ended', value } };
        // A device that asks about an ended call is answered though it is not attached.
        if (asker && isSameDevice(to, asker.seat.address)) asker.seat.connection?.send(frame);
        else this.#send(callId, to, frame);
        this.#detach(callId, to);
        return;
      }
      case 'relay':
        if (owned) this.#relay(callId, owned, effect);
        return;
      case 'ticket':
      case 'forget':
        return;
      default:
        effect satisfies never;
    }
  }

  /** A full disk must not end the calls: they go on in memory, and the health check says so. */
  #storing(run: (store: CallStore) => void): void {
    try {
      run(this.#options.store);
      this.#problem = undefined;
    } catch (error) {
      if (!this.#problem) this.#options.log.error('calls cannot be stored', { error: String(error) });
      this.#problem = 'Calls cannot be stored: they would not survive a restart.';
    }
  }

  #relay(callId: CallId, owned: Owned, { from, to, sealed }: Extract<Effect, { type: 'relay' }>): void {
    if (owned.call.phase !== 'live') return;
    const { restores } = owned.call;
    const frame = this.#outboxes.push(callId, to, { from, sealed }, { restores, nowMs: this.#options.now() });
    if (!frame) throw new ProtocolError('device-unknown');
    this.#send(callId, to, relayedFrame(callId, frame));
  }

  #attach(
    callId: CallId,
    owned: Owned | undefined,
    { device, receivedSeq }: Extract<Effect, { type: 'attach' }>,
    asker: Asker | undefined,
  ): void {
    const seat = asker?.seat;
    if (!owned || !seat || !isSameDevice(device, seat.address)) return;
    // Attached already: it has got all of them, in order.
    if (seat.attached.has(callId) && receivedSeq === 0n) return;
    seat.attached.add(callId);
    for (const frame of this.#outboxes.after(callId, device, receivedSeq)) {
      seat.connection?.send(relayedFrame(callId, frame));
    }
  }

  #detach(callId: CallId, device: Address): void {
    this.#options.seats.at(device)?.attached.delete(callId);
    this.#outboxes.empty(callId, device);
  }

  /** Only to a socket that is attached: what it missed before comes first, on attach. */
  #send(callId: CallId, to: Address, frame: ServerFrame): void {
    const seat = this.#options.seats.at(to);
    if (seat?.attached.has(callId)) seat.connection?.send(frame);
  }

  #schedule(callId: CallId, owned: Owned, atMs: number): void {
    clearTimeout(owned.timer);
    if (atMs === Number.POSITIVE_INFINITY) return;
    const delayMs = Math.min(Math.max(0, atMs - this.#options.now()), TIMER_MS_MAX);
    owned.timer = setTimeout(() => this.#quietly(callId, { type: 'tick' }), delayMs);
  }

  /** An event of the server's own; a refusal means that the call has moved on, and is nobody's to hear. */
  #quietly(callId: CallId, event: CallEvent): void {
    try {
      this.apply(callId, event);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  }

  #own(call: Call): Owned {
    const owned: Owned = { call, timer: undefined };
    this.#calls.set(call.callId, owned);
    if (call.phase === 'live') {
      const created = this.#createdBy.get(call.createdBy) ?? new Set();
      this.#createdBy.set(call.createdBy, created.add(call.callId));
    } else {
      this.#ended.add(call.callId);
    }
    return owned;
  }

  #disown({ call, timer }: Owned): void {
    clearTimeout(timer);
    this.#calls.delete(call.callId);
    this.#ended.delete(call.callId);
    this.#storing((store) => store.delete(call.callId));
  }

  /** An ended call keeps its reasons, and as many of them as there may be live ones. */
  #remember({ call }: Owned): void {
    this.#outboxes.forget(call.callId);
    this.#ended.add(call.callId);
    if (this.#ended.size <= this.#options.callsMax) return;
    const [oldest] = this.#ended;
    const forgotten = oldest && this.#calls.get(oldest);
    if (forgotten) this.#disown(forgotten);
  }

  /** Rooms per node, calls per creator, and one log line for each beginning and end. */
  #account(before: Call | undefined, after: Call): void {
    const { nodes, log, now, onEnded } = this.#options;
    const was = before?.phase === 'live' ? before : undefined;
    const is = after.phase === 'live' ? after : undefined;
    if (was?.node !== is?.node) {
      if (was && was.node !== null) nodes.released(was.node);
      if (is && is.node !== null) nodes.assigned(is.node);
    }
    if (!before && is) log.info('call created', { call: loggable(is.callId), mode: is.mode });
    if (was && is && was.mode !== is.mode) log.info('call moves to a room', { call: loggable(is.callId) });
    if (was && after.phase === 'ended') {
      const created = this.#createdBy.get(after.createdBy);
      created?.delete(after.callId);
      if (created?.size === 0) this.#createdBy.delete(after.createdBy);
      const reason = after.endings[0]?.reason ?? 'hung-up';
      log.info('call ended', { call: loggable(after.callId), reason });
      onEnded?.({ callId: after.callId, reason, durationMs: Math.max(0, now() - was.createdAtMs) });
    }
  }
}

function relayedFrame(callId: CallId, { seq, from, sealed }: RelayedFrame): ServerFrame {
  return { body: { case: 'relayed', value: { callId, seq, from, sealed } } };
}

function reply({ seat, requestId }: Asker, call: Call, body: 'state' | 'done'): void {
  if (body === 'done') seat.connection?.send({ replyTo: requestId, body: { case: 'done', value: {} } });
  else if (call.phase === 'live') {
    seat.connection?.send({ replyTo: requestId, body: { case: 'state', value: callStateOf(call) } });
  }
}
