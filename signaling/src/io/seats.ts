// The devices that are here: one socket each, the newest.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type Address,
  addressKey,
  type CallId,
  ProtocolError,
  type SignalingServerFrameSchema,
} from '@carillon/protocol';
import { type FrameConnection, TokenBucket } from '@carillon/service';
import type { SeatName } from '../core/callTable.ts';

export type Connection = FrameConnection<typeof SignalingServerFrameSchema>;

/**
 * Relayed frames of one device. A caller with five callee devices trickles some
 * twenty candidates to each at once; more, and it is told to wait.
 */
const RELAY_RATE = { perSecond: 50, burst: 300 };

/** As often as the store may go and come back without a single answer between. */
const NAMES_MAX = 16;

/** How far a seat is with what it hears of one call. */
export interface Attachment {
  /** What came while the store was still asked for what came before; undefined once it is told everything. */
  waiting: Heard[] | undefined;
  lastSeq: bigint;
  /** Of the call when the seat took its place last: what was said before was for an earlier one. */
  version: number;
}

export interface Heard {
  readonly frame: MessageInitShape<typeof SignalingServerFrameSchema>;
  /** Of a relayed frame. */
  readonly seq?: bigint;
  /** Of the call that other news are about. */
  readonly version?: number;
}

export class Seat {
  readonly address: Address;
  /** Among all seats of all nodes. */
  readonly id: SeatName;
  /**
   * By which it holds the device's place in calls, the newest first: `id`, until others may have taken its node for
   * dead. A call whose store was away when it was to be told of the new name knows it by an earlier one.
   */
  readonly names: [SeatName, ...SeatName[]];
  /** Calls this socket has created, rung, accepted or attached: those it hears of. */
  readonly attached = new Map<CallId, Attachment>();
  /** Its socket has closed, or a newer one has taken its place. */
  isGone = false;
  readonly relays: TokenBucket;
  connection: Connection | undefined;

  constructor(address: Address, id: SeatName, nowMs: number) {
    this.address = address;
    this.id = id;
    this.names = [id];
    this.relays = new TokenBucket(RELAY_RATE, nowMs);
  }

  get name(): SeatName {
    return this.names[0];
  }

  rename(name: SeatName): void {
    this.names.unshift(name);
    this.names.splice(NAMES_MAX);
  }
}

export class Seats {
  readonly #seats = new Map<string, Seat>();

  at(address: Address): Seat | undefined {
    return this.#seats.get(addressKey(address));
  }

  /** Takes the device's place; returns the seat that held it, its socket told why it closes. */
  take(seat: Seat): Seat | undefined {
    const key = addressKey(seat.address);
    const earlier = this.#seats.get(key);
    this.#seats.set(key, seat);
    earlier?.connection?.fail(new ProtocolError('replaced-by-new-connection'));
    return earlier;
  }

  all(): IterableIterator<Seat> {
    return this.#seats.values();
  }

  /** False when another seat has taken the place already. */
  leave(seat: Seat): boolean {
    const key = addressKey(seat.address);
    return this.#seats.get(key) === seat && this.#seats.delete(key);
  }
}
