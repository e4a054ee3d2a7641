// The WebSocket of a simulated device, as its SDK uses one: a way to some node
// that takes its time, keeps its order, and breaks, silently or not.
import type { Chance, Scheduler } from './scheduler.ts';
import type { NodeConnection, SimNode } from './simNode.ts';

/** Until a broken way is told to the device, where it is told at all; and until the server misses its heartbeats. */
const TOLD_MS = 12_000;
const SERVER_SILENCE_MS = 60_000;
const ABNORMAL = 1006;

export interface WaysOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  /** A node that can be reached, if there is one. */
  node(): SimNode | undefined;
}

/** The ways of one device to signaling; there is one at a time, or none. */
export class Ways {
  readonly options: WaysOptions;
  readonly WebSocket: typeof globalThis.WebSocket;
  now: SimWebSocket | undefined;

  constructor(options: WaysOptions) {
    this.options = options;
    const ways = this;
    this.WebSocket = class extends SimWebSocket {
      constructor() {
        super(ways.options);
        ways.now = this;
      }
    } as unknown as typeof globalThis.WebSocket;
  }

  /** The way breaks. Both ends learn of it, sooner or later. */
  breakNow(): void {
    this.now?.breakNow();
  }

  nodeDied(node: SimNode): void {
    if (this.now?.node === node) this.breakNow();
  }
}

class SimWebSocket {
  binaryType = 'arraybuffer';
  /** 0 connecting, 1 open, 3 closed (WHATWG WebSockets). */
  readyState = 0;
  onopen: (() => void) | undefined;
  onmessage: ((event: { readonly data: ArrayBuffer }) => void) | undefined;
  onerror: (() => void) | undefined;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | undefined;
  node: SimNode | undefined;
  readonly #options: WaysOptions;
  #connection: NodeConnection | undefined;
  #isBroken = false;
  /** The last moments at which something arrives, there and here. */
  #thereMs = 0;
  #hereMs = 0;

  constructor(options: WaysOptions) {
    this.#options = options;
    const { scheduler, chance } = options;
    scheduler.after(chance.delay(20, 600), () => {
      if (this.readyState === 0) this.#connect(options.node());
    });
  }

  send(bytes: Uint8Array): void {
    const copy = bytes.slice();
    this.#toServer(() => this.#connection?.receive(copy));
  }

  close(): void {
    if (this.readyState === 3) return;
    // What was sent before arrives before.
    if (!this.#isBroken) this.#toServer(() => this.#connection?.closed());
    this.#end(1000, '');
  }

  breakNow(): void {
    if (this.readyState === 3 || this.#isBroken) return;
    this.#isBroken = true;
    const { scheduler, chance } = this.#options;
    if (chance.happens(0.5)) scheduler.after(chance.delay(1, TOLD_MS), () => this.#end(ABNORMAL, ''));
    scheduler.after(chance.delay(1, SERVER_SILENCE_MS), () => this.#connection?.closed());
  }

  #connect(node: SimNode | undefined): void {
    if (!node) {
      this.#end(ABNORMAL, '');
      return;
    }
    this.node = node;
    this.#connection = node.connect({
      send: (bytes) => this.#toDevice(() => this.onmessage?.({ data: bytes.slice().buffer })),
      fail: (code) => this.#toDevice(() => this.#end(4000, code)),
    });
    this.readyState = 1;
    this.onopen?.();
  }

  #end(code: number, reason: string): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }

  #toServer(run: () => void): void {
    const { scheduler, chance } = this.#options;
    this.#thereMs = Math.max(this.#thereMs, scheduler.nowMs + chance.delay(5, 400));
    scheduler.after(this.#thereMs - scheduler.nowMs, () => {
      if (!this.#isBroken && this.node?.isAlive) run();
    });
  }

  #toDevice(run: () => void): void {
    const { scheduler, chance } = this.#options;
    this.#hereMs = Math.max(this.#hereMs, scheduler.nowMs + chance.delay(5, 400));
    scheduler.after(this.#hereMs - scheduler.nowMs, () => {
      if (!this.#isBroken && this.readyState === 1) run();
    });
  }
}
