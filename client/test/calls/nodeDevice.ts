// A device of a test: the calls half of the SDK over Node's WebRTC, with
// everything else real but the messages.
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { nobleProvider } from '@carillon/messaging-core/e2ee';
import { type AccountId, type SignalingServerFrame, SignalingServerFrameSchema } from '@carillon/protocol';
import type { CallsHalf } from '../../src/api.ts';
import { Calls } from '../../src/calls/calls.ts';
import type { CallEngine } from '../../src/calls/engine.ts';
import type { CallView, Notice } from '../../src/model.ts';
import { type NodeCallsOptions, nodeEngine } from '../../src/node/calls/nodeEngine.ts';
import { SqliteStore } from '../../src/node/sqliteStore.ts';
import type { Platform } from '../../src/ports.ts';
import type { CallServices } from './callServices.ts';
import { type Delivery, type TestAccount, TestChannel } from './contentHub.ts';

const DEADLINE_MS = 15_000;

/** What a device's signaling socket brings, for tests that look at it or change it. */
export type Tap = (frame: SignalingServerFrame) => void;

/** What comes in place of a frame of signaling: nothing, another, more. */
export type Meddle = (frame: SignalingServerFrame) => readonly SignalingServerFrame[];

export interface DeviceOptions {
  readonly media?: NodeCallsOptions;
  readonly tap?: Tap;
  readonly meddle?: Meddle;
  /** Everything that this device says to signaling comes so much later. */
  readonly slowMs?: number;
  /** Whom the person has not accepted. */
  readonly strangers?: readonly AccountId[];
  /** In place of Node's, for tests that look on. */
  readonly engine?: CallEngine;
  /** The person's setting. */
  readonly mayWait?: () => boolean;
}

export class Device {
  readonly calls: CallsHalf;
  readonly channel: TestChannel;
  readonly notices: Notice[] = [];
  readonly self: TestAccount;
  readonly store: SqliteStore;
  view: CallView | undefined;

  constructor(
    services: CallServices,
    self: TestAccount,
    contacts: readonly TestAccount[],
    {
      media = {},
      tap,
      meddle,
      slowMs,
      strangers = [],
      engine = nodeEngine(media),
      mayWait = () => true,
    }: DeviceOptions = {},
  ) {
    this.self = self;
    this.store = new SqliteStore(':memory:');
    const send = (delivery: Delivery) => services.hub.send(delivery);
    this.channel = new TestChannel(self, contacts, send, strangers);
    services.hub.connect(self, (delivery) => setImmediate(() => this.channel.deliver(delivery)));
    const platform: Platform = {
      crypto: nobleProvider,
      store: this.store,
      prepare: () => Promise.reject(new Error('no media here')),
      WebSocket: slowMs ? slow(slowMs) : tap ? tapped(tap) : meddle ? meddled(meddle) : WebSocket,
      fetch,
      now: Date.now,
    };
    this.calls = new Calls({
      channel: this.channel,
      baseUrl: services.baseUrl,
      platform,
      engine,
      mayWait,
      emit: (view) => {
        this.view = view;
      },
      notice: (notice) => this.notices.push(notice),
    });
  }

  async until(what: string, wanted: (view: CallView) => boolean | Promise<boolean>): Promise<CallView> {
    await this.eventually(what, async () => this.view !== undefined && wanted(this.view));
    return this.view!;
  }

  async eventually(what: string, probe: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!(await probe())) {
      if (performance.now() > deadline) assert.fail(`${this.self.name}: not ${what}, but ${this.view?.words}`);
      await pause(10);
    }
  }

  async packets(kind: string): Promise<number> {
    const inbound = (await this.calls.stats()).filter((entry) => entry.type === 'inbound-rtp' && entry.kind === kind);
    return inbound.reduce((sum, entry) => sum + Number(entry.packetsReceived), 0);
  }

  async hears(kind: string, more = 5): Promise<void> {
    const before = await this.packets(kind);
    await this.until(`receiving ${kind}`, async () => (await this.packets(kind)) >= before + more);
  }

  async close(): Promise<void> {
    await this.calls.close();
    await this.store.close();
  }
}

function tapped(tap: Tap): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL) {
      super(url);
      this.addEventListener('message', ({ data }) => tap(fromBinary(SignalingServerFrameSchema, new Uint8Array(data))));
    }
  };
}

function meddled(meddle: Meddle): typeof WebSocket {
  return class extends WebSocket {
    constructor(url: string | URL) {
      super(url);
      // Before the device's own listener, which it is told by.
      this.addEventListener('message', (event) => {
        event.stopImmediatePropagation();
        for (const frame of meddle(fromBinary(SignalingServerFrameSchema, new Uint8Array(event.data)))) {
          const data = new Uint8Array(toBinary(SignalingServerFrameSchema, frame)).buffer;
          this.onmessage?.(new MessageEvent('message', { data }));
        }
      });
    }
  };
}

function slow(ms: number): typeof WebSocket {
  return class extends WebSocket {
    override send(data: Parameters<WebSocket['send']>[0]): void {
      setTimeout(() => {
        if (this.readyState === WebSocket.OPEN) super.send(data);
      }, ms);
    }
  };
}
