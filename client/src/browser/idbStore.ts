// The store on IndexedDB: an object store for each collection. Commits ask for
// strict durability, since an acknowledged message exists nowhere else.
import { type IDBPDatabase, type IDBPTransaction, openDB } from 'idb';
import type { Collection, Store, StoreTransaction } from '../ports.ts';

const COLLECTIONS: readonly Collection[] = [
  'account',
  'prekeys',
  'sessions',
  'contacts',
  'conversations',
  'messages',
  'outbox',
  'received',
  'media',
  'blobs',
  'groups',
  'social',
  'calls',
];
const VERSION = 2;

type ReadWrite = IDBPTransaction<unknown, string[], 'readwrite'>;

export class IdbStore implements Store {
  readonly #db: IDBPDatabase;

  private constructor(db: IDBPDatabase) {
    this.#db = db;
  }

  static async open(name: string): Promise<IdbStore> {
    const db = await openDB(name, VERSION, {
      upgrade: (db) => {
        for (const collection of COLLECTIONS) {
          if (!db.objectStoreNames.contains(collection)) db.createObjectStore(collection);
        }
      },
      // A newer version of the app in another tab wants to upgrade: this one lets go.
      blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
    });
    return new IdbStore(db);
  }

  async transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const tx: ReadWrite = this.#db.transaction([...COLLECTIONS], 'readwrite', { durability: 'strict' });
    // Rejects when the transaction aborts; awaited below in every case.
    const done = tx.done;
    done.catch(() => {});
    let value: T;
    try {
      value = await run(new IdbTransaction(tx));
    } catch (error) {
      try {
        tx.abort();
      } catch {
        // It has ended by itself, by the error it had.
      }
      throw error;
    }
    await done;
    return value;
  }

  async clear(): Promise<void> {
    const tx = this.#db.transaction([...COLLECTIONS], 'readwrite', { durability: 'strict' });
    await Promise.all([...COLLECTIONS.map((collection) => tx.objectStore(collection).clear()), tx.done]);
  }

  async close(): Promise<void> {
    this.#db.close();
  }
}

class IdbTransaction implements StoreTransaction {
  readonly #tx: ReadWrite;

  constructor(tx: ReadWrite) {
    this.#tx = tx;
  }

  async get<T>(collection: Collection, key: string): Promise<T | undefined> {
    return (await this.#tx.objectStore(collection).get(key)) as T | undefined;
  }

  async put(collection: Collection, key: string, value: unknown): Promise<void> {
    await this.#tx.objectStore(collection).put(value, key);
  }

  async delete(collection: Collection, key: string): Promise<void> {
    await this.#tx.objectStore(collection).delete(key);
  }

  async list<T>(
    collection: Collection,
    range: { from?: string; to?: string; limit?: number; reverse?: boolean } = {},
  ): Promise<{ key: string; value: T }[]> {
    const { from = '', to, limit = Number.POSITIVE_INFINITY, reverse = false } = range;
    const rows: { key: string; value: T }[] = [];
    if (limit <= 0 || (to !== undefined && to <= from)) return rows;
    const keys = to === undefined ? IDBKeyRange.lowerBound(from) : IDBKeyRange.bound(from, to, false, true);
    const store = this.#tx.objectStore(collection);
    if (!reverse) {
      // Two reads of the same range are far quicker than a cursor.
      const count = Number.isFinite(limit) ? limit : undefined;
      const [names, values] = await Promise.all([store.getAllKeys(keys, count), store.getAll(keys, count)]);
      return names.map((key, i) => ({ key: String(key), value: values[i] as T }));
    }
    let cursor = await store.openCursor(keys, 'prev');
    while (cursor && rows.length < limit) {
      rows.push({ key: String(cursor.key), value: cursor.value as T });
      if (rows.length < limit) cursor = await cursor.continue();
    }
    return rows;
  }
}
