// Calls in SQLite. WAL with synchronous NORMAL: a write survives the end of the
// process but may be lost with the machine's power. A call is worth no more than
// that: with the machine down for longer than the reconnect bound it is over
// anyway, and FULL would cap the server at some three hundred changes a second.
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { CallId } from '@carillon/protocol';
import type { Call } from '../core/call.ts';

/** Of the stored JSON; rows of another format are deleted at start: a call does not outlive an upgrade by long. */
const FORMAT = 3;

export interface CallFile {
  /** Stored when it returns: survives the end of the process. */
  put(call: Call): void;
  delete(callId: CallId): void;
  /** All of them, in no order. */
  all(): Call[];
  close(): void;
}

export class SqliteCallFile implements CallFile {
  readonly #db: DatabaseSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #all: StatementSync;

  /** @param path of the database file, or `:memory:`. */
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
    this.#db.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      CREATE TABLE IF NOT EXISTS calls (call_id TEXT PRIMARY KEY, format INTEGER NOT NULL, call TEXT NOT NULL)
        STRICT, WITHOUT ROWID;
      DELETE FROM calls WHERE format <> ${FORMAT};
    `);
    this.#put = this.#db.prepare(
      `INSERT INTO calls VALUES (?, ${FORMAT}, ?) ON CONFLICT (call_id) DO UPDATE SET call = excluded.call`,
    );
    this.#delete = this.#db.prepare('DELETE FROM calls WHERE call_id = ?');
    this.#all = this.#db.prepare('SELECT call FROM calls');
  }

  put(call: Call): void {
    this.#put.run(call.callId, JSON.stringify(call));
  }

  delete(callId: CallId): void {
    this.#delete.run(callId);
  }

  all(): Call[] {
    return this.#all.all().map((row) => JSON.parse(String(row.call)) as Call);
  }

  close(): void {
    this.#db.close();
  }
}
