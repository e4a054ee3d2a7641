// The devices that are here: one socket each, the newest.
import {
  type Address,
  addressKey,
  type CallId,
  ProtocolError,
  type SignalingServerFrameSchema,
} from '@carillon/protocol';
import { type FrameConnection, TokenBucket } from '@carillon/service';

export type Connection = FrameConnection<typeof SignalingServerFrameSchema>;

/**
 * Relayed frames of one device. A caller with five callee devices trickles some
 * twenty candidates to each at once; more, and it is told to wait.
 */
const RELAY_RATE = { perSecond: 50, burst: 300 };

export class Seat {
  readonly address: Address;
  /** Calls this socket has created, rung, accepted or attached: those it hears of. */
  readonly attached = new Set<CallId>();
  readonly relays: TokenBucket;
  connection: Connection | undefined;

  constructor(address: Address, nowMs: number) {
    this.address = address;
    this.relays = new TokenBucket(RELAY_RATE, nowMs);
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

  /** False when another seat has taken the place already. */
  leave(seat: Seat): boolean {
    const key = addressKey(seat.address);
    return this.#seats.get(key) === seat && this.#seats.delete(key);
  }
}
