// The store on node:sqlite: one table, WAL, and each commit on the disk before
// it is told (synchronous FULL), since an acknowledged message exists nowhere else.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { deserialize, serialize } from 'node:v8';
import type { Collection, Store, StoreTransaction } from '../ports.ts';
import { LARGE_BYTES, LargeValues } from './largeValues.ts';

interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Name of the large value's file; null for what stands in the row itself. */
  readonly file: string | null;
}

// Big-endian UTF-16 compares byte by byte as strings compare by code unit.
const encodeKey = (key: string): Uint8Array => Buffer.from(key, 'utf16le').swap16();
const decodeKey = (key: Uint8Array): string => Buffer.from(key).swap16().toString('utf16le');

const NOTHING = new Uint8Array();

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
      'CREATE TABLE IF NOT EXISTS entries (collection TEXT NOT NULL, key BLOB NOT NULL, value BLOB NOT NULL, file TEXT);' +
        'CREATE UNIQUE INDEX IF NOT EXISTS entries_by_key ON entries (collection, key);',
    );
    // Takes the lock now, so that a second process is told at once.
    this.#db.exec('BEGIN IMMEDIATE; COMMIT;');
    const large = path === ':memory:' ? undefined : new LargeValues(`${path}.large`);
    this.#statements = new Statements(this.#db, large);
    large?.keepOnly(this.#statements.files());
  }

  transaction<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      if (this.#closed) throw new Error('The store is closed.');
      this.#db.exec('BEGIN');
      try {
        const value = await run(this.#statements);
        this.#db.exec('COMMIT');
        await this.#statements.afterCommit();
        return value;
      } catch (error) {
        if (this.#db.isTransaction) {
          this.#db.exec('ROLLBACK');
          await this.#statements.afterRollback();
        }
        throw error;
      }
    });
    this.#tail = result.catch(() => {});
    return result;
  }

  async clear(): Promise<void> {
    await this.transaction(async () => {
      this.#statements.dropAll();
    });
    // What was deleted is to leave the disk, too.
    const scrubbed = this.#tail.then(() => this.#db.exec('VACUUM; PRAGMA wal_checkpoint(TRUNCATE);'));
    // A disk too full for it must not make every later transaction fail.
    this.#tail = scrubbed.catch(() => {});
    await scrubbed;
  }

  async close(): Promise<void> {
    await this.#tail;
    if (this.#closed) return;
    this.#closed = true;
    this.#db.close();
  }
}

class Statements implements StoreTransaction {
  readonly #db: DatabaseSync;
  readonly #large: LargeValues | undefined;
  readonly #get: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #listUp: StatementSync;
  readonly #listDown: StatementSync;
  /** Files of the transaction under way: gone again if it fails, and to go once it holds. */
  #written: string[] = [];
  #dropped: string[] = [];

  constructor(db: DatabaseSync, large: LargeValues | undefined) {
    const list = (order: 'ASC' | 'DESC') =>
      db.prepare(
        'SELECT key, value, file FROM entries WHERE collection = ? AND key >= ? AND (?3 IS NULL OR key < ?3) ' +
          `ORDER BY key ${order} LIMIT ?4`,
      );
    this.#db = db;
    this.#large = large;
    this.#get = db.prepare('SELECT value, file FROM entries WHERE collection = ? AND key = ?');
    this.#put = db.prepare(
      'INSERT INTO entries (collection, key, value, file) VALUES (?, ?, ?, ?) ' +
        'ON CONFLICT (collection, key) DO UPDATE SET value = excluded.value, file = excluded.file',
    );
    this.#delete = db.prepare('DELETE FROM entries WHERE collection = ? AND key = ?');
    this.#listUp = list('ASC');
    this.#listDown = list('DESC');
  }

  files(): Set<string> {
    const rows = this.#db.prepare('SELECT file FROM entries WHERE file IS NOT NULL').all() as { file: string }[];
    return new Set(rows.map(({ file }) => file));
  }

  dropAll(): void {
    this.#dropped.push(...this.files());
    this.#db.exec('DELETE FROM entries');
  }

  async afterCommit(): Promise<void> {
    const dropped = this.#dropped;
    this.#written = [];
    this.#dropped = [];
    await this.#large?.remove(dropped);
  }

  async afterRollback(): Promise<void> {
    const written = this.#written;
    this.#written = [];
    this.#dropped = [];
    await this.#large?.remove(written);
  }

  async get<T>(collection: Collection, key: string): Promise<T | undefined> {
    const row = this.#get.get(collection, encodeKey(key)) as Omit<Row, 'key'> | undefined;
    return row && ((await this.#value(row)) as T);
  }

  async put(collection: Collection, key: string, value: unknown): Promise<void> {
    this.#drop(collection, key);
    if (this.#large && collection === 'blobs' && value instanceof Uint8Array && value.length >= LARGE_BYTES) {
      const file = await this.#large.write(value);
      this.#written.push(file);
      this.#put.run(collection, encodeKey(key), NOTHING, file);
    } else {
      this.#put.run(collection, encodeKey(key), serialize(value), null);
    }
  }

  async delete(collection: Collection, key: string): Promise<void> {
    this.#drop(collection, key);
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
    const entries: { key: string; value: T }[] = [];
    for (const row of rows) entries.push({ key: decodeKey(row.key), value: (await this.#value(row)) as T });
    return entries;
  }

  async #value({ value, file }: Omit<Row, 'key'>): Promise<unknown> {
    return file === null || !this.#large ? deserialize(value) : this.#large.read(file);
  }

  /** Only blobs are ever large. */
  #drop(collection: Collection, key: string): void {
    if (!this.#large || collection !== 'blobs') return;
    const row = this.#get.get(collection, encodeKey(key)) as Pick<Row, 'file'> | undefined;
    if (row?.file) this.#dropped.push(row.file);
  }
}
