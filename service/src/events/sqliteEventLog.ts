// The embedded event log: one SQLite file. WAL with synchronous NORMAL: an event
// survives the end of the process, but the last ones may be lost with the
// machine's power. FULL would cost every send a second fsync, for events whose
// loss delays a wake-up and miscounts a metric.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { ProtocolError } from '@carillon/protocol';
import type { CarillonEvent, EventLog, RecordedEvent } from './eventLog.ts';
import { decodeEvent, encodeEvent } from './recordedEvent.ts';

/** Events waiting for their commit; past it new ones are refused, so that a slow disk does not fill memory. */
export const WAITING_EVENTS_MAX = 20_000;
/** Rows deleted in one go: bounds how long a trim holds up the event loop. */
const TRIM_ROWS_MAX = 5_000;

interface Append {
  readonly text: string;
  readonly atMs: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SqliteEventLog implements EventLog {
  readonly #db: DatabaseSync;
  readonly #insert: StatementSync;
  readonly #after: StatementSync;
  readonly #position: StatementSync;
  readonly #commit: StatementSync;
  /** Per consumer, what it was given last. */
  readonly #given = new Map<string, number>();
  readonly #readers = new Set<() => void>();
  #appends: Append[] = [];
  #scheduled = false;
  #closed = false;

  /** @param file Path of the database, created if absent, or `:memory:`. One process at a time. */
  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS events (
        -- AUTOINCREMENT: a position is not used again when the log was trimmed to nothing.
        position INTEGER PRIMARY KEY AUTOINCREMENT,
        at_ms INTEGER NOT NULL,
        event TEXT NOT NULL
      ) STRICT;
      CREATE TABLE IF NOT EXISTS consumers (name TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    `);
    this.#insert = this.#db.prepare('INSERT INTO events (at_ms, event) VALUES (?, ?)');
    this.#after = this.#db.prepare(
      'SELECT position, at_ms, event FROM events WHERE position > ? ORDER BY position LIMIT ?',
    );
    this.#position = this.#db.prepare('SELECT position FROM consumers WHERE name = ?');
    this.#commit = this.#db.prepare(
      `INSERT INTO consumers VALUES (?, ?) ON CONFLICT (name)
       DO UPDATE SET position = max(position, excluded.position)`,
    );
  }

  append(event: CarillonEvent, atMs: number): Promise<void> {
    if (this.#closed) return Promise.reject(new ProtocolError('shutting-down'));
    if (this.#appends.length >= WAITING_EVENTS_MAX)
      return Promise.reject(new ProtocolError('rate-limited', { retryAfterMs: 1_000 }));
    return new Promise((resolve, reject) => {
      this.#appends.push({ text: encodeEvent(event), atMs, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => this.#write());
    });
  }

  async read(consumer: string, limit: number, waitMs: number): Promise<readonly RecordedEvent[]> {
    if (this.#closed) return [];
    const found = this.#next(consumer, limit);
    if (found.length > 0 || waitMs <= 0) return found;
    await this.#appended(waitMs);
    return this.#closed ? [] : this.#next(consumer, limit);
  }

  async commit(consumer: string, position: string): Promise<void> {
    if (this.#closed) throw new ProtocolError('shutting-down');
    this.#commit.run(consumer, Number(position));
  }

  async trim(eventsMax: number): Promise<void> {
    const drop = this.#db.prepare(
      `DELETE FROM events WHERE position IN (
         SELECT position FROM events WHERE position <= (SELECT max(position) FROM events) - ? LIMIT ${TRIM_ROWS_MAX})`,
    );
    while (!this.#closed && drop.run(eventsMax).changes === TRIM_ROWS_MAX)
      await new Promise((resolve) => setImmediate(resolve));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#write();
    this.#closed = true;
    for (const wake of [...this.#readers]) wake();
    this.#db.close();
  }

  #next(consumer: string, limit: number): RecordedEvent[] {
    const given = this.#given.get(consumer) ?? Number(this.#position.get(consumer)?.position ?? 0);
    const rows = this.#after.all(given, limit);
    const last = rows.at(-1);
    this.#given.set(consumer, last === undefined ? given : Number(last.position));
    return rows.flatMap(({ position, at_ms, event }) => {
      const recorded = decodeEvent(String(position), Number(at_ms), String(event));
      return recorded ? [recorded] : [];
    });
  }

  #appended(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#readers.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, waitMs);
      this.#readers.add(wake);
    });
  }

  /** One transaction for all that wait. */
  #write(): void {
    this.#scheduled = false;
    const batch = this.#appends;
    if (batch.length === 0 || this.#closed) return;
    this.#appends = [];
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      for (const { atMs, text } of batch) this.#insert.run(atMs, text);
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const { resolve } of batch) resolve();
    for (const wake of [...this.#readers]) wake();
  }
}
