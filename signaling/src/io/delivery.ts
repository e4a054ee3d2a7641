// From a call's news to the sockets of this node. A seat that attaches is told
// first what was kept for it, then what came meanwhile, then everything as it
// comes: nothing twice, nothing out of order.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { Address, CallId, SignalingServerFrameSchema } from '@carillon/protocol';
import type { CallNews, EndedFor } from '../core/callTable.ts';
import type { RelayedFrame } from '../core/outbox.ts';
import type { Heard, Seat, Seats } from './seats.ts';
import { callStateOf, END_REASONS } from './wire.ts';

export type ServerFrame = MessageInitShape<typeof SignalingServerFrameSchema>;

export interface DeliveryOptions {
  readonly seats: Seats;
  /** The first seat of the call is here; news must come from when it resolves. */
  follow(callId: CallId): Promise<void>;
  /** The last seat of the call is gone. */
  unfollow(callId: CallId): void;
}

export class Delivery {
  readonly #options: DeliveryOptions;
  /** Seats of each call, and whether news of it come yet. */
  readonly #calls = new Map<CallId, { readonly seats: Set<Seat>; readonly following: Promise<void> }>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Resolves when nothing said of the call from now on is missed. A seat that is told of it already stays as it is. */
  async begin(seat: Seat, callId: CallId): Promise<void> {
    if (!seat.attached.has(callId)) seat.attached.set(callId, { waiting: [], lastSeq: 0n, version: 0 });
    let call = this.#calls.get(callId);
    if (!call) {
      call = { seats: new Set(), following: this.#options.follow(callId) };
      this.#calls.set(callId, call);
    }
    call.seats.add(seat);
    await call.following;
  }

  /** The store has answered: `frames` come before what waits. */
  settle(seat: Seat, callId: CallId, frames: readonly RelayedFrame[], version: number): void {
    const attachment = seat.attached.get(callId);
    if (!attachment) return;
    attachment.version = version;
    const waiting = attachment.waiting ?? [];
    attachment.waiting = undefined;
    for (const frame of frames) this.#give(seat, callId, relayed(callId, frame));
    for (const heard of waiting) this.#give(seat, callId, heard);
  }

  /** Attaching has failed: a seat that was not attached before is not now. */
  abandon(seat: Seat, callId: CallId): void {
    if (seat.attached.get(callId)?.waiting) this.detach(seat, callId);
  }

  detach(seat: Seat, callId: CallId): void {
    seat.attached.delete(callId);
    const call = this.#calls.get(callId);
    if (!call?.seats.delete(seat) || call.seats.size > 0) return;
    this.#calls.delete(callId);
    this.#options.unfollow(callId);
  }

  hear(callId: CallId, news: CallNews): void {
    if (news.type === 'relayed') {
      const seat = this.#options.seats.at(news.to);
      if (seat) this.#give(seat, callId, relayed(callId, news.frame));
      return;
    }
    const { call, state, ended, version } = news;
    if (call.phase === 'live' && state.length > 0) {
      const frame: ServerFrame = { body: { case: 'state', value: callStateOf(call) } };
      for (const device of state) this.#giveTo(device, callId, { frame, version });
    }
    for (const each of ended) {
      this.#giveTo(each.to, callId, { frame: endedFrame(callId, each), version });
      this.#detachAt(each.to, callId, version);
    }
    if (call.phase === 'ended') for (const seat of this.#calls.get(callId)?.seats ?? []) this.detach(seat, callId);
  }

  #giveTo(device: Address, callId: CallId, heard: Heard): void {
    const seat = this.#options.seats.at(device);
    if (seat) this.#give(seat, callId, heard);
  }

  #detachAt(device: Address, callId: CallId, version: number): void {
    const seat = this.#options.seats.at(device);
    if (!seat) return;
    // Whoever waits is told in its order, by what it waits for.
    const attachment = seat.attached.get(callId);
    if (attachment && !attachment.waiting && version > attachment.version) this.detach(seat, callId);
  }

  #give(seat: Seat, callId: CallId, heard: Heard): void {
    const attachment = seat.attached.get(callId);
    if (!attachment) return;
    if (attachment.waiting) {
      attachment.waiting.push(heard);
      return;
    }
    if (heard.version !== undefined && heard.version <= attachment.version) return;
    if (heard.seq !== undefined) {
      if (heard.seq <= attachment.lastSeq) return;
      attachment.lastSeq = heard.seq;
    }
    seat.connection?.send(heard.frame);
  }
}

export function endedFrame(callId: CallId, { reason, by }: Pick<EndedFor, 'reason' | 'by'>): ServerFrame {
  return { body: { case: 'ended', value: { callId, reason: END_REASONS[reason], byAccountId: by ?? '' } } };
}

function relayed(callId: CallId, { seq, from, sealed }: RelayedFrame): Heard {
  return { seq, frame: { body: { case: 'relayed', value: { callId, seq, from, sealed } } } };
}
