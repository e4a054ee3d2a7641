// A device's signaling socket, as the SDK keeps it: open while there is a call,
// made again when it is lost, each request repeated that a loss left unanswered.
import type { Address, CallId } from '@carillon/protocol';
import type { CallEvent } from '@carillon/signaling/parts';
import type { Chance, Scheduler } from './scheduler.ts';
import type { ServerFrame, SimNode } from './simNode.ts';

type Body = NonNullable<ServerFrame['body']>;
export type Answer =
  | { readonly ok: true; readonly body: Body }
  /** A refusal's code, or that no server could be reached. */
  | { readonly ok: false; readonly code: string };

const ONLINE_WAIT_MS = 15_000;
const ATTEMPTS_MAX = 4;
const RETRY_MS = 500;
/** Until a device sees by a missing answer that its connection is dead; and a server by missing heartbeats. */
const SILENCE_MS = 12_000;
const SERVER_SILENCE_MS = 60_000;

export interface SimSocketOptions {
  readonly self: Address;
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** A node that can be reached, if there is one. */
  node(): SimNode | undefined;
  /** A connection is there: takes every call up again. False: it is no good. */
  welcomed(ask: SimSocket['ask']): Promise<boolean>;
  pushed(body: Body): void;
  up(isUp: boolean): void;
}

class Connection {
  isBroken = false;
  readonly waiting = new Map<number, (answer: Answer | 'lost') => void>();
  /** The last moments at which something arrives, there and here. */
  thereMs = 0;
  hereMs = 0;
  seat: ReturnType<SimNode['open']> | undefined;
  readonly node: SimNode;

  constructor(node: SimNode) {
    this.node = node;
  }
}

export class SimSocket {
  readonly #options: SimSocketOptions;
  #connection: Connection | undefined;
  #isWelcomed = false;
  #isWanted = false;
  #requestId = 0;
  #onlineWaiters: (() => void)[] = [];

  constructor(options: SimSocketOptions) {
    this.#options = options;
  }

  open(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#connect();
  }

  close(): void {
    this.#isWanted = false;
    const connection = this.#connection;
    if (connection) this.#drop(connection, 0);
  }

  /** The way breaks. Both ends learn of it, sooner or later. */
  breakNow(): void {
    const connection = this.#connection;
    if (!connection || connection.isBroken) return;
    connection.isBroken = true;
    const { scheduler, chance } = this.#options;
    scheduler.after(chance.delay(1, SILENCE_MS), () => this.#drop(connection, chance.delay(1, SERVER_SILENCE_MS)));
  }

  nodeDied(node: SimNode): void {
    if (this.#connection?.node === node) this.breakNow();
  }

  /** As the SDK's `request`. */
  async request(callId: CallId, event: CallEvent): Promise<Answer> {
    for (let attempt = 1; ; attempt++) {
      if (!(await this.#online())) return { ok: false, code: 'unreachable' };
      const answer = await this.ask(callId, event);
      const isAway = answer !== 'lost' && !answer.ok && answer.code === 'internal-error';
      if (answer !== 'lost' && !isAway) return answer;
      if (attempt >= ATTEMPTS_MAX) return { ok: false, code: 'unreachable' };
      if (isAway) await this.#pause(RETRY_MS * 2 ** attempt);
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.scheduler.after(ms, resolve));
  }

  readonly ask = (callId: CallId, event: CallEvent): Promise<Answer | 'lost'> => {
    const connection = this.#connection;
    if (!connection) return Promise.resolve('lost');
    this.#requestId += 1;
    const requestId = this.#requestId;
    return new Promise((resolve) => {
      connection.waiting.set(requestId, resolve);
      this.#toServer(connection, () => {
        if (connection.seat && connection.node.isAlive)
          connection.node.request(connection.seat, requestId, callId, event);
      });
    });
  };

  #connect(): void {
    const { scheduler, chance, node: find, self } = this.#options;
    scheduler.after(chance.delay(20, 600), () => {
      if (!this.#isWanted || this.#connection) return;
      const node = find();
      if (!node) return this.#connect();
      const connection = new Connection(node);
      this.#connection = connection;
      this.#toServer(connection, () => {
        if (!node.isAlive) return;
        connection.seat = node.open(self, {
          send: (frame: ServerFrame) => {
            this.#toDevice(connection, () => this.#received(connection, frame));
            return true;
          },
          fail: () => this.#toDevice(connection, () => this.#drop(connection, 0)),
        });
        this.#toDevice(connection, () => void this.#welcome(connection));
      });
    });
  }

  async #welcome(connection: Connection): Promise<void> {
    const isGood = await this.#options.welcomed(this.ask);
    if (this.#connection !== connection) return;
    if (!isGood) return this.#drop(connection, 0);
    this.#isWelcomed = true;
    this.#options.up(true);
    for (const wake of this.#onlineWaiters.splice(0)) wake();
  }

  #received(connection: Connection, frame: ServerFrame): void {
    if (!frame.body) return;
    const waiting = frame.replyTo ? connection.waiting.get(frame.replyTo) : undefined;
    if (!waiting) {
      this.#options.pushed(frame.body);
      return;
    }
    connection.waiting.delete(frame.replyTo!);
    const { body } = frame;
    waiting(body.case === 'failure' ? { ok: false, code: String(body.value.code) } : { ok: true, body });
  }

  /** This end is done with it; the server's end notices after so long. */
  #drop(connection: Connection, serverMs: number): void {
    if (this.#connection !== connection) return;
    this.#connection = undefined;
    this.#isWelcomed = false;
    connection.isBroken = true;
    for (const lost of connection.waiting.values()) lost('lost');
    const { seat, node } = connection;
    if (seat) this.#options.scheduler.after(serverMs + this.#options.chance.delay(1, 100), () => node.closed(seat));
    this.#options.up(false);
    if (this.#isWanted) this.#connect();
  }

  #online(): Promise<boolean> {
    if (this.#isWelcomed) return Promise.resolve(true);
    if (!this.#isWanted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const timer = this.#options.scheduler.after(ONLINE_WAIT_MS, () => resolve(false));
      this.#onlineWaiters.push(() => {
        timer.clear();
        resolve(true);
      });
    });
  }

  #toServer(connection: Connection, run: () => void): void {
    const { scheduler, chance } = this.#options;
    connection.thereMs = Math.max(connection.thereMs, scheduler.nowMs + chance.delay(5, 400));
    scheduler.after(connection.thereMs - scheduler.nowMs, () => {
      if (!connection.node.isAlive) this.breakNow();
      else if (!connection.isBroken) run();
    });
  }

  #toDevice(connection: Connection, run: () => void): void {
    const { scheduler, chance } = this.#options;
    connection.hereMs = Math.max(connection.hereMs, scheduler.nowMs + chance.delay(5, 400));
    scheduler.after(connection.hereMs - scheduler.nowMs, () => {
      if (!connection.isBroken && this.#connection === connection) run();
    });
  }
}
