// Group commit: one fsync for all writes that wait. A commit with synchronous
// FULL costs milliseconds whatever its size, so writes that arrive while one is
// under way share the next. The first write when idle commits in the same turn
// of the event loop, after the sockets that were ready have been read.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ProtocolError } from '@carillon/protocol';

/** Writes in one transaction. More raises throughput under load, and the longest pause of the event loop with it. */
export const COMMIT_WRITES_MAX = 128;
/** Writes waiting; past it new ones are refused, so that a slow disk does not fill memory. */
export const WAITING_WRITES_MAX = 5_000;

/** https://www.sqlite.org/rescode.html#full */
const SQLITE_FULL = 13;

interface Write {
  readonly run: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Attempt = { readonly write: Write; readonly value: unknown } | { readonly write: Write; readonly error: unknown };

export class GroupCommit {
  readonly #db: DatabaseSync;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  #waiting: Write[] = [];
  #scheduled = false;
  #closed = false;
  #problem: string | undefined;

  constructor(db: DatabaseSync) {
    this.#db = db;
    this.#savepoint = db.prepare('SAVEPOINT one');
    this.#release = db.prepare('RELEASE one');
  }

  /** Why the last commit failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Runs `run` inside a transaction, in the order of the calls; resolves with its value once that is durable.
   * What it wrote is undone when it throws; the other writes of the transaction are not.
   */
  write<T>(run: () => T): Promise<T> {
    if (this.#closed) return Promise.reject(new ProtocolError('shutting-down'));
    if (this.#waiting.length >= WAITING_WRITES_MAX)
      return Promise.reject(new ProtocolError('rate-limited', { retryAfterMs: 1_000 }));
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ run, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  /** Commits everything that waits, and takes no more. */
  close(): void {
    this.#closed = true;
    while (this.#waiting.length > 0) this.#commit();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commit();
      if (this.#waiting.length > 0) this.#schedule();
    });
  }

  #commit(): void {
    const batch = this.#waiting.splice(0, COMMIT_WRITES_MAX);
    if (batch.length === 0) return;
    let attempts: Attempt[];
    try {
      this.#db.exec('BEGIN IMMEDIATE');
      attempts = batch.map((write) => this.#attempt(write));
      this.#db.exec('COMMIT');
      this.#problem = undefined;
    } catch (cause) {
      this.#problem = cause instanceof Error ? cause.message : String(cause);
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      const full = (cause as { errcode?: number }).errcode === SQLITE_FULL;
      const error = full ? new ProtocolError('storage-full', { cause }) : cause;
      for (const write of batch) write.reject(error);
      return;
    }
    for (const attempt of attempts) {
      if ('error' in attempt) attempt.write.reject(attempt.error);
      else attempt.write.resolve(attempt.value);
    }
  }

  #attempt(write: Write): Attempt {
    this.#savepoint.run();
    try {
      const value = write.run();
      this.#release.run();
      return { write, value };
    } catch (error) {
      // A full disk may have ended the transaction by itself: then the whole batch has failed.
      if (!this.#db.isTransaction) throw error;
      this.#db.exec('ROLLBACK TO one');
      this.#release.run();
      return { write, error };
    }
  }
}
