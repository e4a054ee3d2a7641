// A prepared statement whose rows have a known shape: the one place where a row
// is given its type.
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';

export class Statement<Row = never> {
  readonly #statement: StatementSync;

  constructor(db: DatabaseSync, sql: string) {
    this.#statement = db.prepare(sql);
  }

  get(...values: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...values) as Row | undefined;
  }

  all(...values: SQLInputValue[]): Row[] {
    return this.#statement.all(...values) as Row[];
  }

  /** Reads on as it is asked to. */
  iterate(...values: SQLInputValue[]): Iterable<Row> {
    return this.#statement.iterate(...values) as Iterable<Row>;
  }

  /** Rows changed. */
  run(...values: SQLInputValue[]): number {
    return Number(this.#statement.run(...values).changes);
  }
}

export type Blob = Uint8Array<ArrayBuffer>;
