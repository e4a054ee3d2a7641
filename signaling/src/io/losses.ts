// Devices whose sockets have gone, until their calls know of it. The store may
// be away at that moment, and nobody else knows: what could not be said is said
// again when it is back.
import type { Address, CallId } from '@carillon/protocol';
import type { CallEvent } from '../core/call.ts';
import type { SeatName, Swap } from '../core/callTable.ts';
import type { Seat } from './seats.ts';

/** Steps the event on the call; false when the store is away. */
export type Tell = (callId: CallId, event: CallEvent, onlyFor: NonNullable<Swap['onlyFor']>) => Promise<boolean>;

export class Losses {
  readonly #tell: Tell;
  /** One for each call that a seat was in: no more than there were when the store went, for none can be entered since. */
  readonly #untold = new Map<string, { readonly callId: CallId; readonly seat: Seat }>();

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  /** Counts the time of a device whose seat is gone, unless another seat has its place by now. */
  async lose(callId: CallId, seat: Seat): Promise<void> {
    const isTold = await this.#lost(callId, seat.address, seat.names);
    if (!isTold) this.#untold.set(`${callId} ${seat.id}`, { callId, seat });
  }

  /** A seat of another node, which is gone. Its burial finds it again if it cannot be said now. */
  async orphan(callId: CallId, device: Address, seat: SeatName): Promise<void> {
    await this.#lost(callId, device, [seat]);
  }

  again(): void {
    const untold = [...this.#untold.values()];
    this.#untold.clear();
    for (const { callId, seat } of untold) void this.lose(callId, seat);
  }

  #lost(callId: CallId, device: Address, seats: readonly SeatName[]): Promise<boolean> {
    return this.#tell(callId, { type: 'socket_lost', by: device }, { device, seats });
  }
}
