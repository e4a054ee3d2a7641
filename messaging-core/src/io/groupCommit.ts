// Group commit: one fsync for all writes that wait. A commit with synchronous
// FULL costs milliseconds whatever its size, so writes that arrive while one is
// under way share the next. The first write when idle commits in the same turn
// of the event loop, after the sockets that were ready have been read.
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { ProtocolError } from '@carillon/protocol';

/** Writes in one transaction. More raises throughput under load, and the longest pause of the event loop with it. */
export const COMMIT_WRITES_MAX = 512;
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
  readonly #onUndone: () => void;
  readonly #savepoint: StatementSync;
  readonly #release: StatementSync;
  #waiting: Write[] = [];
  #scheduled = false;
  #closed = false;
  #problem: string | undefined;

  /** @param onUndone told when writes that have run were undone: what was remembered of them is not true */
  constructor(db: DatabaseSync, onUndone: () => void = () => {}) {
    this.#db = db;
    this.#onUndone = onUndone;
    this.#savepoint = db.prepare('SAVEPOINT one');
    this.#release = db.prepare('RELEASE one');
  }

  /** Why the last commit failed; undefined when it did not. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /**
   * Runs `run` inside a transaction, in the order of the calls; resolves with its value once that is durable.
   * What it wrote is undone when it throws; the other writes of the transaction are not. It may be run twice, the
   * first time undone, so it must do nothing but read and write the database (and what `onUndone` forgets).
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
      attempts = this.#commitTogether(batch) ?? this.#commitApart(batch);
      this.#problem = undefined;
    } catch (cause) {
      this.#problem = cause instanceof Error ? cause.message : String(cause);
      this.#undo();
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

  /** Undefined, with everything undone, when one of them throws: which one is found out by the other way. */
  #commitTogether(batch: readonly Write[]): Attempt[] | undefined {
    this.#db.exec('BEGIN IMMEDIATE');
    let attempts: Attempt[];
    try {
      attempts = batch.map((write) => ({ write, value: write.run() }));
    } catch {
      this.#undo();
      return undefined;
    }
    this.#db.exec('COMMIT');
    return attempts;
  }

  /** Each within a savepoint, which costs as much as a small write does. */
  #commitApart(batch: readonly Write[]): Attempt[] {
    this.#db.exec('BEGIN IMMEDIATE');
    const attempts = batch.map((write) => this.#attempt(write));
    this.#db.exec('COMMIT');
    return attempts;
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
      this.#onUndone();
      return { write, error };
    }
  }

  #undo(): void {
    if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
    this.#onUndone();
  }
}
