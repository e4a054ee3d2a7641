// A signaling node: the real one, with its frames, but without sockets. Its
// clock stops when it dies.
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import {
  type Address,
  addressKey,
  LIMITS,
  ProtocolError,
  type SignalingClientFrame,
  SignalingClientFrameSchema,
  SignalingServerFrameSchema,
} from '@carillon/protocol';
import { silentLog } from '@carillon/service';
import { Calls, type Clock, type Connection, FewestRooms, readRequest, Seat, Seats } from '@carillon/signaling/parts';
import type { Scheduler } from './scheduler.ts';
import type { NodeStore } from './sharedStore.ts';

type ServerFrame = Parameters<Connection['send']>[0];
type ServerBody = NonNullable<ServerFrame['body']>;

/** The device's end of a connection, as the node has it. */
export interface DeviceEnd {
  send(bytes: Uint8Array): void;
  fail(code: string): void;
}

/** The node's end of a connection, as the way to it has it. */
export interface NodeConnection {
  receive(bytes: Uint8Array): void;
  /** As the node notices it. */
  closed(): void;
}

/** The newest seat of each device, over all nodes. */
export type NewestSeats = Map<string, { readonly node: SimNode; readonly seat: Seat }>;

const SFU = { id: 'sfu', url: 'wss://sfu.invalid/' };
/** So that whoever rings may connect to a stranger, by a relay. */
const ICE_SERVERS = [{ urls: ['turn:relay.invalid'], username: 'u', credential: 'c' }];

export class SimNode {
  readonly store: NodeStore;
  readonly #scheduler: Scheduler;
  readonly #seats = new Seats();
  readonly #newest: NewestSeats;
  readonly #nodes = new FewestRooms([SFU]);
  #calls!: Calls;

  private constructor(store: NodeStore, scheduler: Scheduler, newest: NewestSeats) {
    this.store = store;
    this.#scheduler = scheduler;
    this.#newest = newest;
  }

  static async start(store: NodeStore, scheduler: Scheduler, newest: NewestSeats): Promise<SimNode> {
    const node = new SimNode(store, scheduler, newest);
    node.#calls = await Calls.open({
      store,
      seats: node.#seats,
      nodes: node.#nodes,
      bounds: {
        ringMs: LIMITS.ringMs,
        reconnectMs: LIMITS.reconnectMs,
        endedKeptMs: 120_000,
        participantsMax: LIMITS.callParticipantsMax,
      },
      callsMax: 10_000,
      createsPerMinute: 10_000,
      outboxBytesMax: 100_000_000,
      clock: node.#clock(),
      log: silentLog,
    });
    return node;
  }

  get isAlive(): boolean {
    return this.store.isAlive;
  }

  connect(device: DeviceEnd): NodeConnection {
    const say = (frame: ServerFrame) => {
      device.send(toBinary(SignalingServerFrameSchema, create(SignalingServerFrameSchema, frame)));
      return true;
    };
    let seat: Seat | undefined;
    return {
      receive: (bytes) => {
        const frame = fromBinary(SignalingClientFrameSchema, bytes);
        if (seat) this.#request(seat, frame, say);
        else if (frame.body.case === 'hello') {
          const self = addressOf(frame.body.value.token);
          seat = this.#open(self, { send: say, fail: ({ code }) => device.fail(code) });
          const value = { self, iceServers: ICE_SERVERS };
          say({ replyTo: frame.requestId, body: { case: 'welcome', value } });
        }
      },
      closed: () => {
        if (seat && this.isAlive && this.#seats.leave(seat)) this.#calls.lost(seat);
      },
    };
  }

  kill(): void {
    this.store.die();
  }

  #open(address: Address, connection: Pick<Connection, 'send' | 'fail'>): Seat {
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

  #request(seat: Seat, frame: SignalingClientFrame, say: (frame: ServerFrame) => void): void {
    const { requestId } = frame;
    const answer = (body: ServerBody) => say({ replyTo: requestId, body });
    this.#answer(seat, frame).then(
      (body) => body && answer(body),
      (error: unknown) => {
        if (!(error instanceof ProtocolError)) throw error;
        const { retryAfterMs = 0 } = error.details;
        answer({ case: 'failure', value: { code: error.code, retryAfterMs } });
      },
    );
  }

  async #answer(seat: Seat, frame: SignalingClientFrame): Promise<ServerBody | undefined> {
    // How good a call was is the metrics' business.
    if (frame.body.case === 'qualityReport') return { case: 'done', value: {} };
    const { callId, event } = readRequest(frame, seat.address);
    const ticketed = await this.#calls.apply(callId, event, { seat, requestId: frame.requestId });
    return ticketed && { case: 'room', value: { callId, sfuUrl: SFU.url, ticket: 'ticket' } };
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
      every: (ms, run) => {
        let planned: { clear(): void };
        const again = () => {
          planned = this.#scheduler.after(
            ms,
            guarded(() => {
              again();
              run();
            }),
          );
        };
        again();
        return { clear: () => planned.clear() };
      },
    };
  }
}

/** A device's token is its address. */
function addressOf(token: string): Address {
  const [accountId, deviceId] = token.split('.');
  return { accountId, deviceId: Number(deviceId) } as Address;
}
