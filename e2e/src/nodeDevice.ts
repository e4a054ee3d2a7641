// A device of the SDK in Node, in the test's own process: what a test must know
// of a device, its store and its keys, it can read there.
import path from 'node:path';
import { type Account, Carillon, type CarillonEvents, type Platform } from '@carillon/client';
import { type CallsFactory, nodePlatform, SqliteStore } from '@carillon/client/node';
import type { World } from './world.ts';

const PATIENCE_MS = 40_000;

export interface NodeDeviceOptions {
  readonly calls?: CallsFactory;
  readonly platform?: Partial<Platform>;
}

export class NodeDevice {
  readonly carillon: Carillon;
  readonly store: SqliteStore;

  private constructor(carillon: Carillon, store: SqliteStore) {
    this.carillon = carillon;
    this.store = store;
  }

  /** Online; signed up the first time, the same device again with the same handle. */
  static async open(world: World, handle: string, options: NodeDeviceOptions = {}): Promise<NodeDevice> {
    const store = NodeDevice.storeOf(world, handle);
    const platform = { ...nodePlatform(store), ...options.platform };
    const carillon = await Carillon.open({ platform, baseUrl: world.url, calls: options.calls });
    const device = new NodeDevice(carillon, store);
    if (!carillon.account) {
      const { registrationId } = await carillon.beginRegistration(handle);
      await carillon.finishRegistration(registrationId, world.codeFor(handle) ?? '', handle);
    }
    await device.until('connection', () => carillon.connection.state === 'online');
    return device;
  }

  /** What the device with this handle keeps, also while it is off. */
  static storeOf(world: World, handle: string): SqliteStore {
    return new SqliteStore(path.join(world.dir, `${handle}.db`));
  }

  get account(): Account {
    return this.carillon.account!;
  }

  /** Resolves when it holds: asked now and after each such event. */
  async until(event: keyof CarillonEvents, holds: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    let wake = () => {};
    const stop = this.carillon.on(event, () => wake());
    try {
      for (;;) {
        // Made before it is asked: what happens meanwhile wakes the next round.
        const woken = new Promise<void>((resolve) => {
          wake = resolve;
        });
        if (await holds()) return;
        const timer = setTimeout(() => wake(), Math.max(0, deadline - Date.now()));
        await woken;
        clearTimeout(timer);
        if (Date.now() >= deadline && !(await holds())) throw new Error(`waited in vain for a ${event} event`);
      }
    } finally {
      stop();
    }
  }

  close(): Promise<void> {
    return this.carillon.close();
  }
}
