// The store on node:sqlite: one table, WAL, and each commit on the disk before
// it is told (synchronous FULL), since an acknowledged message exists nowhere else.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import type { Collection, Store, StoreTransaction } from '../ports.ts';

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

// Big-endian UTF-16 compares byte by byte as strings compare by code unit.
const encodeKey = (key: string): Uint8Array => Buffer.from(key, 'utf16le').swap16();
const decodeKey = (key: Uint8Array): string => Buffer.from(key).swap16().toString('utf16le');

export class SqliteStore implements Store {
  readonly #db: DatabaseSync;
  readonly #statements: Statements;
  #tail: Promise<unknown> = Promise.resolve();
  #closed = false;

  /**
   * @param path of the database file; its folder must exist
   * @throws Error `database is locked` when another process has it for longer than `waitMs`
   */
  constructor(path: string, options: { waitMs?: number } = {}) {
    this.#db = new DatabaseSync(path, { timeout: options.waitMs ?? 2_000 });
    // One process at a time: a second one would move the same ratchets on.
    this.#db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    this.#db.exec(
      'CREATE TABLE IF NOT EXISTS entries (collection TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL);' +
        'CREATE UNIQUE INDEX IF NOT EXISTS entries_by_key ON entries (collection, key);',
    );
    // Takes the lock now, so that a second process is told at once.
    this.#db.exec('BEGIN IMMEDIATE; COMMIT;');
    this.#statements = new Statements(this.#db);
  }

  transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      if (this.#closed) throw new Error('The store is closed.');
      this.#db.exec('BEGIN');
      try {
        const value = await run(this.#statements);
        this.#db.exec('COMMIT');
        return value;
      } catch (error) {
        if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
        throw error;
      }
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  async clear(): Promise<void> {
    await this.transaction(async () => {
      this.#db.exec('DELETE FROM entries');
    });
    // What was deleted is to leave the disk, too.
    this.#tail = this.#tail.then(() => this.#db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);'));
    await this.#tail;
  }

  async close(): Promise<void> {
    await this.#tail;
    if (this.#closed) return;
    this.#closed = true;
    this.#db.close();
  }
}

class Statements implements StoreTransaction {
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #listUp: StatementSync;
  readonly #listDown: StatementSync;

  constructor(db: DatabaseSync) {
    const list = (order: 'ASC' | 'DESC') =>
      db.prepare(
        'SELECT key, value FROM entries WHERE collection = ? AND key >= ? AND (?3 IS NULL OR key < ?3) ' +
          `ORDER BY key ${order} LIMIT ?4`,
      );
    this.#get = db.prepare('SELECT value FROM entries WHERE collection = ? AND key = ?');
    this.#put = db.prepare(
      'INSERT INTO entries (collection, key, value) VALUES (?, ?, ?) ' +
        'ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value',
    );
    this.#delete = db.prepare('DELETE FROM entries WHERE collection = ? AND key = ?');
    this.#listUp = list('ASC');
    this.#listDown = list('DESC');
  }

  async get<T>(collection: Collection, key: string): Promise<T | undefined> {
    const row = this.#get.get(collection, encodeKey(key)) as Pick<Row, 'value'> | undefined;
    return row && (deserialize(row.value) as T);
  }

  async put(collection: Collection, key: string, value: unknown): Promise<void> {
    this.#put.run(collection, encodeKey(key), serialize(value));
  }

  async delete(collection: Collection, key: string): Promise<void> {
    this.#delete.run(collection, encodeKey(key));
  }

  async list<T>(
    collection: Collection,
    range: { from?: string; to?: string; limit?: number; reverse?: boolean } = {},
  ): Promise<{ key: string; value: T }[]> {
    const statement = range.reverse ? this.#listDown : this.#listUp;
    const to = range.to === undefined ? null : encodeKey(range.to);
    // A negative limit is none.
    const rows = statement.all(collection, encodeKey(range.from ?? ''), to, range.limit ?? -1) as unknown as Row[];
    return rows.map(({ key, value }) => ({ key: decodeKey(key), value: deserialize(value) as T }));
  }
}
