// Calls in memory with the one promise that arbitration rests on: a swap
// happens only if nobody has swapped since the read. The embedded store is this
// table and a file; the simulator puts delays around it.
import { type AccountId, type Address, addressKey, type CallId } from '@carillon/protocol';
import { type Call, type EndReason, isPresent, type LiveCall, nextDeadlineMs } from './call.ts';
import type { RelayedFrame } from './outbox.ts';
import { Outboxes } from './outboxes.ts';

/** A socket of one run of one node. */
export type SeatName = string;

export interface StoredCall {
  readonly call: Call;
  /** Grows with each swap. */
  readonly version: number;
}

export interface EndedFor {
  readonly to: Address;
  readonly reason: EndReason;
  readonly by: AccountId | null;
}

/** What a swap says to those who are in the call. */
export interface Told {
  readonly state: readonly Address[];
  readonly ended: readonly EndedFor[];
}

export type CallNews =
  | ({ readonly type: 'changed'; readonly call: Call; readonly version: number } & Told)
  | { readonly type: 'relayed'; readonly to: Address; readonly frame: RelayedFrame };

export interface Swap {
  readonly callId: CallId;
  /** As it was read; 0: there was none. */
  readonly version: number;
  readonly call: Call;
  /** Only while one of these has the device's place: a seat by the names that it has had. */
  readonly onlyFor?: { readonly device: Address; readonly seats: readonly SeatName[] } | undefined;
  /** Takes the device's place, and what was relayed to it after `receivedSeq`. */
  readonly attach?: { readonly device: Address; readonly seat: SeatName; readonly receivedSeq: bigint } | undefined;
  /** Give up their places, and what was kept for them. */
  readonly detach: readonly Address[];
  readonly told: Told;
}

export type Swapped =
  | { readonly done: true; readonly version: number; readonly frames: readonly RelayedFrame[] }
  /** Somebody was quicker: read again. `superseded`: the seat has lost the device's place. */
  | { readonly done: false; readonly why: 'changed' | 'superseded' };

export interface Relay {
  readonly call: LiveCall;
  readonly version: number;
  readonly from: Address;
  readonly to: Address;
  readonly sealed: Uint8Array;
  readonly nowMs: number;
}

/**
 * `full`: the call has no place for frames to one more device of that account. With a time: the sender's account has
 * said too much in this call, and may go on then.
 */
export type Relayed = 'done' | 'changed' | 'full' | { readonly retryAfterMs: number };

interface Row {
  stored: StoredCall;
  /** Who holds each device's place. */
  readonly seats: Map<string, { readonly device: Address; readonly seat: SeatName }>;
}

export interface CallTableOptions {
  /** Called in the middle of a swap: nobody hears of it before it returns. */
  readonly persist?: ((stored: StoredCall) => void) | undefined;
  readonly news: (callId: CallId, news: CallNews) => void;
}

export class CallTable {
  readonly #rows = new Map<CallId, Row>();
  readonly #outboxes = new Outboxes();
  readonly #options: CallTableOptions;

  constructor(options: CallTableOptions) {
    this.#options = options;
  }

  get outboxBytes(): number {
    return this.#outboxes.bytes;
  }

  read(callId: CallId): StoredCall | undefined {
    return this.#rows.get(callId)?.stored;
  }

  *all(): Generator<StoredCall> {
    for (const { stored } of this.#rows.values()) yield stored;
  }

  seatsOf(callId: CallId): readonly { readonly device: Address; readonly seat: SeatName }[] {
    return [...(this.#rows.get(callId)?.seats.values() ?? [])];
  }

  /** When the call next needs a tick; Infinity when it is not known. */
  deadlineMs(callId: CallId): number {
    const row = this.#rows.get(callId);
    return row ? nextDeadlineMs(row.stored.call) : Number.POSITIVE_INFINITY;
  }

  swap({ callId, version, call, onlyFor, attach, detach, told }: Swap): Swapped {
    const row = this.#rows.get(callId);
    if ((row?.stored.version ?? 0) !== version) return { done: false, why: 'changed' };
    const holder = onlyFor && row?.seats.get(addressKey(onlyFor.device))?.seat;
    if (onlyFor && (holder === undefined || !onlyFor.seats.includes(holder))) {
      return { done: false, why: 'superseded' };
    }
    const stored = { call, version: version + 1 };
    const next = row ?? { stored, seats: new Map() };
    const changed = row?.stored.call !== call;
    next.stored = stored;
    this.#rows.set(callId, next);
    if (changed) this.#options.persist?.(stored);
    for (const device of detach) {
      next.seats.delete(addressKey(device));
      this.#outboxes.empty(callId, device);
    }
    if (attach) next.seats.set(addressKey(attach.device), { device: attach.device, seat: attach.seat });
    const frames = attach ? this.#outboxes.after(callId, attach.device, attach.receivedSeq) : [];
    if (call.phase === 'ended') {
      this.#outboxes.forget(callId);
      next.seats.clear();
    }
    this.#options.news(callId, { type: 'changed', ...stored, ...told });
    return { done: true, version: stored.version, frames };
  }

  relay({ call, version, from, to, sealed, nowMs }: Relay): Relayed {
    const row = this.#rows.get(call.callId);
    if (row?.stored.version !== version) return 'changed';
    const frame = this.#outboxes.push(
      call.callId,
      to,
      { from, sealed },
      {
        restores: call.restores,
        isPresent: isPresent(call, to),
        nowMs,
      },
    );
    if (!frame) return 'full';
    this.#options.news(call.callId, { type: 'relayed', to, frame });
    return 'done';
  }

  forget(callId: CallId): void {
    this.#outboxes.forget(callId);
    this.#rows.delete(callId);
  }

  dropFramesBefore(atMs: number): void {
    this.#outboxes.dropBefore(atMs);
  }
}
