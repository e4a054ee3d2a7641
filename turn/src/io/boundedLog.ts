// Warnings that a stranger's packets can bring about: each kind once in a
// while, with how often it came, so that a flood does not fill a disk.
import type { Log } from '@carillon/service';

/** Shorter tells more of a flood; longer hides a second cause of the same kind. */
const ONCE_IN_MS = 10_000;

export class BoundedLog {
  readonly #log: Log;
  readonly #told = new Map<string, { readonly untilMs: number; leftOut: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** @param words of a fixed set: each is remembered */
  warn(words: string, error: unknown): void {
    const nowMs = performance.now();
    const told = this.#told.get(words);
    if (told && nowMs < told.untilMs) {
      told.leftOut++;
      return;
    }
    this.#told.set(words, { untilMs: nowMs + ONCE_IN_MS, leftOut: 0 });
    this.#log.warn(words, {
      error: error instanceof Error ? error.message : String(error),
      ...(told?.leftOut ? { besides: told.leftOut } : {}),
    });
  }
}
