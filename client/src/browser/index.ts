// The SDK in the browser: IndexedDB, canvas, and audited JavaScript cryptography.
import { nobleProvider } from '@carillon/messaging-core/e2ee';
import { z } from 'zod';
import type { CallsFactory } from '../api.ts';
import { Carillon } from '../carillon.ts';
import type { Platform, Store, StoreTransaction } from '../ports.ts';
import { IdbStore } from './idbStore.ts';
import { prepareInBrowser } from './prepare.ts';
import { lockTab } from './tabLock.ts';

export * from '../index.ts';
export { type BrowserCallsOptions, createBrowserCalls, MediaError } from './calls/index.ts';
export { IdbStore } from './idbStore.ts';

// zod would try to compile its checks, which a page's Content-Security-Policy refuses and reports.
z.config({ jitless: true });

const NAME = 'carillon';

export interface BrowserOptions {
  /** Origin of the services; the page's own by default. */
  readonly baseUrl?: string;
  readonly calls?: CallsFactory | undefined;
}

/** @throws Error in words: another tab has it open, or the browser stores nothing */
export async function openCarillon(options: BrowserOptions = {}): Promise<Carillon> {
  const unlock = await lockTab(NAME);
  try {
    const store = new LockedStore(await openStore(), unlock);
    // Without it a browser short of space may forget the account. Asking may wait for the person.
    void navigator.storage?.persist?.().catch(() => false);
    const platform: Platform = {
      crypto: nobleProvider,
      store,
      prepare: prepareInBrowser,
      WebSocket: globalThis.WebSocket,
      fetch: (...request) => globalThis.fetch(...request),
      now: Date.now,
    };
    return await Carillon.open({ platform, baseUrl: options.baseUrl ?? location.origin, calls: options.calls });
  } catch (error) {
    unlock();
    throw error;
  }
}

async function openStore(): Promise<Store> {
  try {
    return await IdbStore.open(NAME);
  } catch (cause) {
    const words = 'This browser does not let Carillon store anything. A private window or a setting may forbid it.';
    throw new Error(words, { cause });
  }
}

/** Lets the next tab in when it is closed. */
class LockedStore implements Store {
  readonly #store: Store;
  readonly #unlock: () => void;

  constructor(store: Store, unlock: () => void) {
    this.#store = store;
    this.#unlock = unlock;
  }

  transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return this.#store.transaction(run);
  }

  clear(): Promise<void> {
    return this.#store.clear();
  }

  async close(): Promise<void> {
    await this.#store.close();
    this.#unlock();
  }
}
