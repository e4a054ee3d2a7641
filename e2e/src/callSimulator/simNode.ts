// A signaling node: the real one, without sockets. Its clock stops when it dies.
import { type Address, addressKey, LIMITS, ProtocolError } from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import {
  type CallEvent,
  Calls,
  type Clock,
  type Connection,
  FewestRooms,
  Seat,
  Seats,
} from '@carillon/signaling/parts';
import type { Scheduler } from './scheduler.ts';
import type { NodeStore } from './sharedStore.ts';

/** What a node says to a device: a frame, as the wire would carry it. */
export type ServerFrame = Parameters<Connection['send']>[0];

export class SimNode {
  readonly store: NodeStore;
  readonly #scheduler: Scheduler;
  readonly #seats = new Seats();
  /** The newest seat of each device, over all nodes. */
  readonly #newest: Map<string, { readonly node: SimNode; readonly seat: Seat }>;
  #calls!: Calls;

  private constructor(store: NodeStore, scheduler: Scheduler, newest: SimNode['newest']) {
    this.store = store;
    this.#scheduler = scheduler;
    this.#newest = newest;
  }

  get newest() {
    return this.#newest;
  }

  static async start(store: NodeStore, scheduler: Scheduler, newest: SimNode['newest']): Promise<SimNode> {
    const node = new SimNode(store, scheduler, newest);
    node.#calls = await Calls.open({
      store,
      seats: node.#seats,
      nodes: new FewestRooms([]),
      bounds: {
        ringMs: LIMITS.ringMs,
        reconnectMs: LIMITS.reconnectMs,
        endedKeptMs: 120_000,
        participantsMax: LIMITS.callParticipantsMax,
      },
      callsMax: 10_000,
      createsPerMinute: 10_000,
      outboxBytesMax: 1_000_000,
      clock: node.#clock(),
      log: silentLog,
    });
    return node;
  }

  get isAlive(): boolean {
    return this.store.isAlive;
  }

  open(address: Address, connection: Pick<Connection, 'send' | 'fail'>): Seat {
    const seat = new Seat(address, this.store.seatName(), this.#scheduler.nowMs);
    seat.connection = connection as Connection;
    const replaced = this.#seats.take(seat);
    if (replaced) this.#calls.lost(replaced);
    const key = addressKey(address);
    const before = this.#newest.get(key);
    this.#newest.set(key, { node: this, seat });
    if (before && before.node !== this && before.node.isAlive) {
      this.#scheduler.after(5, () => before.node.#replaced(before.seat));
    }
    return seat;
  }

  /** The socket of the seat has closed, as the node notices it. */
  closed(seat: Seat): void {
    if (this.isAlive && this.#seats.leave(seat)) this.#calls.lost(seat);
  }

  request(seat: Seat, requestId: number, callId: Parameters<Calls['apply']>[0], event: CallEvent): void {
    this.#calls.apply(callId, event, { seat, requestId }).catch((error: unknown) => {
      if (!(error instanceof ProtocolError)) throw error;
      seat.connection?.send({ replyTo: requestId, body: { case: 'failure', value: { code: error.code } } });
    });
  }

  kill(): void {
    this.store.die();
  }

  #replaced(seat: Seat): void {
    if (!this.isAlive || !this.#seats.leave(seat)) return;
    seat.connection?.fail(new ProtocolError('replaced-by-new-connection'));
    this.#calls.lost(seat);
  }

  #clock(): Clock {
    const guarded = (run: () => void) => () => {
      if (this.isAlive) run();
    };
    return {
      now: () => this.#scheduler.nowMs,
      after: (ms, run) => this.#scheduler.after(ms, guarded(run)),
      // Only sweeps what time has made useless: none of it matters here.
      every: () => ({ clear: () => {} }),
    };
  }
}
