// A real store whose transactions end a test's way: as if the process were
// killed before, or right after, a commit.
import type { Store, StoreTransaction } from '../../src/ports.ts';

export class FaultyStore implements Store {
  /** Asked with the collections a transaction has written to, before it commits. */
  beforeCommit: ((written: ReadonlySet<string>) => void) | undefined;
  /** Asked after it is durable; its caller then never hears of it when this never resolves. */
  afterCommit: ((written: ReadonlySet<string>) => Promise<void> | undefined) | undefined;
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const written = new Set<string>();
    const value = await this.#store.transaction(async (tx) => {
      const watched: StoreTransaction = {
        get: (...args) => tx.get(...args),
        list: (...args) => tx.list(...args),
        delete: (...args) => tx.delete(...args),
        put: (collection, key, value) => {
          written.add(collection);
          return tx.put(collection, key, value);
        },
      };
      const value = await run(watched);
      this.beforeCommit?.(written);
      return value;
    });
    await this.afterCommit?.(written);
    return value;
  }

  clear(): Promise<void> {
    return this.#store.clear();
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
