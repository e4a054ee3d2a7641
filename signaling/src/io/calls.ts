// Every call as this node sees it: an event is stepped on what the store has,
// and swapped in; if another node was quicker, it is stepped again on what that
// one left. The events of one call go through this node one after another.
import { type Address, type CallId, ProtocolError } from '@carillon/protocol';
import { type Log, loggable } from '@carillon/service';
import {
  type Bounds,
  type Call,
  type CallEvent,
  type Effect,
  type EndReason,
  isSameDevice,
  nextDeadlineMs,
} from '../core/call.ts';
import type { SeatName, StoredCall, Swap } from '../core/callTable.ts';
import { step } from '../core/step.ts';
import { Admission } from './admission.ts';
import { type CallStore, isAway } from './callStore.ts';
import { Creations } from './creations.ts';
import { Delivery, endedFrame } from './delivery.ts';
import { Losses } from './losses.ts';
import type { Seat, Seats } from './seats.ts';
import type { SfuNodes } from './sfuNodes.ts';
import { stateFrame, swapOf } from './swapOf.ts';
import { type Clock, realClock, Timers } from './timers.ts';
import { Turns } from './turns.ts';

/** Times an event is stepped again because another node was quicker; two nodes that meet need one or two. */
const SWAPS_MAX = 20;
/** How often old relayed frames and rested accounts are looked for. */
const SWEEP_MS = 30_000;
/** Until a dead socket is noticed by its missed heartbeats, with some to spare. */
const SOCKET_DEATH_MS = 90_000;

export interface CallsOptions {
  readonly store: CallStore;
  readonly seats: Seats;
  readonly nodes: SfuNodes;
  readonly bounds: Bounds;
  /** Live calls at once, of this node. */
  readonly callsMax: number;
  /** Calls that one account may create here, on average. */
  readonly createsPerMinute: number;
  /** Bytes of relayed frames kept here for all devices together. */
  readonly outboxBytesMax: number;
  readonly clock?: Clock;
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

/** A device's request: where its answer goes. */
export interface Asker {
  readonly seat: Seat;
  readonly requestId: number;
}

/** What `room` gets: the ticket is signed outside. */
export interface Ticketed {
  readonly node: string;
  readonly number: number;
}

/** Whom an event is for. */
interface Errand {
  readonly asker?: Asker | undefined;
  /** A seat that is attached again without having asked. */
  readonly seat?: Seat | undefined;
  /** Nothing happens unless this seat has its device's place. */
  readonly onlyFor?: Swap['onlyFor'];
}

export class Calls {
  readonly #options: CallsOptions;
  readonly #store: CallStore;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #turns = new Turns<CallId>();
  readonly #deadlines: Timers<CallId>;
  readonly #admission: Admission;
  readonly #creations: Creations;
  /** Rooms that this node has given to an SFU node. */
  readonly #rooms = new Map<CallId, string>();
  readonly #losses = new Losses((callId, event, onlyFor) => this.#quietly(callId, event, { onlyFor }));
  #sweeping: { clear(): void } | undefined;
  #closed = false;

  private constructor(options: CallsOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#clock = options.clock ?? realClock;
    this.#deadlines = new Timers(this.#clock, (callId) => void this.#quietly(callId, { type: 'tick' }));
    this.#admission = new Admission({
      outboxBytesMax: options.outboxBytesMax,
      outboxBytes: () => this.#store.outboxBytes,
    });
    this.#creations = new Creations({
      store: this.#store,
      clock: this.#clock,
      createsPerMinute: options.createsPerMinute,
      callsMax: options.callsMax,
      ringMs: options.bounds.ringMs,
      live: () => this.live,
      quietly: (callId, event) => this.#quietly(callId, event),
    });
    this.#delivery = new Delivery({
      seats: options.seats,
      follow: (callId) => this.#store.follow(callId),
      unfollow: (callId) => this.#store.unfollow(callId),
    });
  }

  static async open(options: CallsOptions): Promise<Calls> {
    const calls = new Calls(options);
    const { store, nodes } = options;
    await store.start({
      news: (callId, news) => {
        calls.#delivery.hear(callId, news);
        if (news.type === 'changed' && news.call.phase === 'ended') calls.#over(callId);
      },
      due: (callId) => calls.#quietly(callId, { type: 'tick' }),
      orphaned: (callId, device, seat) => calls.#losses.orphan(callId, device, seat),
      replaced: (device, seat) => calls.#replaced(device, seat),
      unsure: () => {
        calls.#losses.again();
        calls.#creations.again();
        calls.#attachAll();
      },
    });
    for (const call of store.restored) {
      if (call.node !== null) calls.#assigned(call.callId, call.node);
      await calls.#quietly(call.callId, { type: 'restored', nodes: nodes.ids });
    }
    calls.#sweeping = calls.#clock.every(SWEEP_MS, () => calls.sweep());
    return calls;
  }

  /** Steps the call and carries out what follows. @throws ProtocolError when the core refuses. */
  async apply(callId: CallId, event: CallEvent, asker?: Asker): Promise<Ticketed | undefined> {
    this.#refuseWhenClosed();
    if (asker) this.#admission.admit(callId, event, asker.seat, this.#clock.now());
    if (event.type === 'create') {
      await this.#creations.create(event, asker !== undefined, () => this.#inTurn(callId, event, { asker }));
      return undefined;
    }
    return this.#inTurn(callId, event, { asker });
  }

  #inTurn(callId: CallId, event: CallEvent, errand: Errand): Promise<Ticketed | undefined> {
    return this.#turns.take(callId, () => this.#step(callId, event, errand));
  }

  /** The seat's socket is gone: its calls count the time. */
  lost(seat: Seat): void {
    seat.isGone = true;
    for (const callId of [...seat.attached.keys()]) {
      this.#delivery.detach(seat, callId);
      void this.#losses.lose(callId, seat);
    }
  }

  /** Drops what time alone has made useless. */
  sweep(): void {
    const { bounds } = this.#options;
    const nowMs = this.#clock.now();
    this.#admission.sweep(nowMs);
    this.#creations.sweep(nowMs);
    for (const callId of this.#rooms.keys()) void this.#releaseWhenOver(callId);
    this.#losses.again();
    this.#creations.again();
    this.#store.sweep(nowMs, nowMs - bounds.ringMs - bounds.reconnectMs - SOCKET_DEATH_MS);
  }

  /** Calls that have not ended. */
  get live(): number {
    return this.#store.live;
  }

  problems(): string[] {
    const problem = this.#store.problem();
    return problem === undefined ? [] : [problem];
  }

  /** Stops the timers and takes nothing any more; what is stored stays. */
  close(): void {
    this.#closed = true;
    this.#sweeping?.clear();
    this.#deadlines.clear();
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new ProtocolError('shutting-down');
  }

  async #step(callId: CallId, event: CallEvent, errand: Errand): Promise<Ticketed | undefined> {
    const { nodes, bounds } = this.#options;
    const proposed = event.type === 'room' ? { ...event, node: nodes.choose()?.id } : event;
    let fresh = false;
    for (let attempt = 0; attempt < SWAPS_MAX; attempt++) {
      this.#refuseWhenClosed();
      const stored = await this.#store.read(callId, fresh);
      const result = step(stored?.call, proposed, this.#clock.now(), bounds);
      if (!('refusal' in result)) {
        // What was last heard of a call may be old: that there is nothing to do has to be read anew.
        const isSure = fresh || result.effects.some(({ type }) => type === 'persist' || type === 'relay');
        const done = isSure && (await this.#carryOut(callId, stored, result, errand));
        if (done) return done.ticket;
      } else if (fresh) {
        this.#refused(callId, result.effects, errand);
        throw new ProtocolError(result.refusal);
      }
      fresh = true;
    }
    throw new ProtocolError('internal-error', { cause: new Error('the call changes too often') });
  }

  #refused(callId: CallId, effects: readonly Effect[], errand: Errand): void {
    const seat = errand.asker?.seat ?? errand.seat;
    if (!seat) return;
    for (const effect of effects) {
      if (effect.type === 'ended') seat.connection?.send(endedFrame(callId, effect));
    }
    this.#delivery.abandon(seat, callId);
    if (errand.seat) this.#delivery.detach(seat, callId);
  }

  /** Undefined when another node was quicker. */
  async #carryOut(
    callId: CallId,
    stored: StoredCall | undefined,
    { call, effects }: { readonly call: Call; readonly effects: readonly Effect[] },
    errand: Errand,
  ): Promise<{ readonly ticket: Ticketed | undefined } | undefined> {
    const seat = errand.asker?.seat ?? errand.seat;
    const relay = effects.find((effect) => effect.type === 'relay');
    if (relay && stored && call.phase === 'live') {
      const nowMs = this.#clock.now();
      const relayed = await this.#store.relay({ ...relay, call, version: stored.version, nowMs });
      if (relayed === 'full') throw new ProtocolError('device-unknown');
      if (relayed === 'changed') return undefined;
      if (relayed !== 'done') throw new ProtocolError('rate-limited', relayed);
    } else {
      const swap = swapOf(callId, stored, call, effects, seat, errand);
      if (swap && !(await this.#swap(swap, seat, stored, errand, effects))) return undefined;
      if (!swap) this.#reply(errand, call, effects);
    }
    if (relay) this.#reply(errand, call, effects);
    const ticket = effects.find((effect) => effect.type === 'ticket');
    return { ticket: ticket && { node: ticket.node, number: ticket.number } };
  }

  async #swap(
    swap: Swap,
    seat: Seat | undefined,
    stored: StoredCall | undefined,
    errand: Errand,
    effects: readonly Effect[],
  ): Promise<boolean> {
    const { callId, call, attach } = swap;
    try {
      if (seat && attach) await this.#delivery.begin(seat, callId);
      const swapped = await this.#store.swap(swap);
      if (!swapped.done) {
        // Whoever has the place now does not need the end of an older seat.
        if (swapped.why === 'superseded') return true;
        return false;
      }
      this.#account(stored?.call, call);
      this.#reply(errand, call, effects);
      if (errand.seat && call.phase === 'live') errand.seat.connection?.send(stateFrame(call));
      if (seat && attach) {
        this.#delivery.settle(seat, callId, swapped.frames, swapped.version);
        if (seat.isGone) this.#cameTooLate(seat, callId);
        else if (seat.name !== attach.seat) this.#attachAgain(seat, callId);
      }
      for (const device of swap.detach) {
        if (seat && isSameDevice(device, seat.address)) this.#delivery.detach(seat, callId);
      }
      return true;
    } catch (error) {
      if (seat && attach) this.#delivery.abandon(seat, callId);
      throw error;
    }
  }

  /** Its socket went while it attached. */
  #cameTooLate(seat: Seat, callId: CallId): void {
    this.#delivery.detach(seat, callId);
    void this.#losses.lose(callId, seat);
  }

  #reply({ asker }: Errand, call: Call, effects: readonly Effect[]): void {
    const reply = effects.find((effect) => effect.type === 'reply');
    if (!asker || !reply) return;
    const { seat, requestId } = asker;
    if (reply.body === 'done') seat.connection?.send({ replyTo: requestId, body: { case: 'done', value: {} } });
    else if (call.phase === 'live') seat.connection?.send({ ...stateFrame(call), replyTo: requestId });
  }

  #replaced(device: Address, id: SeatName): void {
    const { seats } = this.#options;
    const seat = seats.at(device);
    if (seat?.id !== id || !seats.leave(seat)) return;
    seat.connection?.fail(new ProtocolError('replaced-by-new-connection'));
    this.lost(seat);
  }

  /** Takes the place of every seat again, and what it may have missed. */
  #attachAll(): void {
    for (const seat of this.#options.seats.all()) {
      // What others still say of the place by its old name is about a node that they took for dead.
      seat.rename(this.#store.seatName());
      for (const callId of seat.attached.keys()) this.#attachAgain(seat, callId);
    }
  }

  #attachAgain(seat: Seat, callId: CallId): void {
    const attachment = seat.attached.get(callId);
    // Whoever waits is seen to when it has been answered.
    if (!attachment || attachment.waiting) return;
    const event = { type: 'attach', by: seat.address, receivedSeq: attachment.lastSeq } as const;
    void this.#quietly(callId, event, { seat });
  }

  /**
   * An event of the server's own; a refusal means that the call has moved on, and is nobody's to hear. False: the store
   * is away. A deadline is then seen to by whoever finds it due.
   */
  async #quietly(callId: CallId, event: CallEvent, errand: Errand = {}): Promise<boolean> {
    if (this.#closed) return true;
    try {
      await this.#turns.take(callId, () => this.#step(callId, event, errand));
      return true;
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (!isAway(error)) return true;
      this.#options.log.warn('a call waits', { call: loggable(callId) });
      return false;
    }
  }

  #assigned(callId: CallId, node: string): void {
    this.#rooms.set(callId, node);
    this.#options.nodes.assigned(node);
  }

  /** The last of its people here may have gone before its end. */
  async #releaseWhenOver(callId: CallId): Promise<void> {
    const stored = await this.#store.read(callId, false).catch(() => null);
    if (stored !== null && stored?.call.phase !== 'live') this.#over(callId);
  }

  #over(callId: CallId): void {
    this.#deadlines.stop(callId);
    const node = this.#rooms.get(callId);
    if (node !== undefined && this.#rooms.delete(callId)) this.#options.nodes.released(node);
  }

  /** After a swap: the next deadline, the room's node, and one log line for each beginning and end. */
  #account(before: Call | undefined, after: Call): void {
    const { log, onEnded } = this.#options;
    const { callId } = after;
    const was = before?.phase === 'live' ? before : undefined;
    if (after.phase === 'live') {
      const atMs = nextDeadlineMs(after);
      if (atMs === Number.POSITIVE_INFINITY) this.#deadlines.stop(callId);
      else this.#deadlines.start(callId, atMs);
      if (after.node !== null && was?.node !== after.node) this.#assigned(callId, after.node);
      if (!was) log.info('call created', { call: loggable(callId), mode: after.mode });
      else if (was.mode !== after.mode) log.info('call moves to a room', { call: loggable(callId) });
    } else if (was) {
      this.#over(callId);
      this.#store.dropCreated(after.createdBy, callId);
      const reason = after.endings[0]?.reason ?? 'hung-up';
      log.info('call ended', { call: loggable(callId), reason });
      onEnded?.({ callId, reason, durationMs: Math.max(0, this.#clock.now() - was.createdAtMs) });
    }
  }
}
