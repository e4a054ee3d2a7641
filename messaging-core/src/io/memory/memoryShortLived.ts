// What lives for minutes, in this process: a restart forgets it.
import { ProtocolError } from '@carillon/protocol';
import { SHORT_LIVED_MAX, type ShortLived, type ShortLivedKind } from '../../core/shortLived.ts';

/** When a kind is full, who comes is told to come back then: some of it has ended by that time. */
const RETRY_AFTER_MS = 60_000;
/** Below so many values of a kind nobody looks for those that have ended. */
const SWEEP_MIN = 64;

interface Entry {
  readonly value: string;
  readonly endsAtMs: number;
}

class Shelf {
  readonly entries = new Map<string, Entry>();
  /** Grows with what was left after the last sweep, so that a put costs a constant on average. */
  sweepAt = SWEEP_MIN;

  sweep(nowMs: number): void {
    for (const [key, { endsAtMs }] of this.entries) if (endsAtMs <= nowMs) this.entries.delete(key);
    this.sweepAt = Math.max(SWEEP_MIN, this.entries.size * 2);
  }
}

export class MemoryShortLived implements ShortLived {
  readonly #now: () => number;
  readonly #max: Readonly<Record<ShortLivedKind, number>>;
  readonly #shelves = new Map<ShortLivedKind, Shelf>();

  /** @param now Unix milliseconds. @param max Values of each kind at once. */
  constructor(now: () => number, max: Partial<Record<ShortLivedKind, number>> = {}) {
    this.#now = now;
    this.#max = { ...SHORT_LIVED_MAX, ...max };
  }

  async put(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<void> {
    this.#put(kind, key, value, lifeMs);
  }

  async get(kind: ShortLivedKind, key: string): Promise<string | undefined> {
    return this.#live(kind, key)?.value;
  }

  async getOrPut(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<string> {
    const there = this.#live(kind, key);
    if (there) return there.value;
    this.#put(kind, key, value, lifeMs);
    return value;
  }

  async take(kind: ShortLivedKind, key: string): Promise<string | undefined> {
    const there = this.#live(kind, key);
    this.#shelf(kind).entries.delete(key);
    return there?.value;
  }

  async replace(kind: ShortLivedKind, key: string, before: string, after: string): Promise<boolean> {
    const there = this.#live(kind, key);
    if (there?.value !== before) return false;
    this.#shelf(kind).entries.set(key, { ...there, value: after });
    return true;
  }

  async list(kind: ShortLivedKind): Promise<readonly { readonly key: string; readonly value: string }[]> {
    const shelf = this.#shelf(kind);
    shelf.sweep(this.#now());
    return [...shelf.entries].map(([key, { value }]) => ({ key, value }));
  }

  async close(): Promise<void> {
    this.#shelves.clear();
  }

  #put(kind: ShortLivedKind, key: string, value: string, lifeMs: number): void {
    const shelf = this.#shelf(kind);
    const nowMs = this.#now();
    if (!shelf.entries.has(key)) {
      const { size } = shelf.entries;
      if (size >= shelf.sweepAt || size >= this.#max[kind]) shelf.sweep(nowMs);
      if (shelf.entries.size >= this.#max[kind])
        throw new ProtocolError('rate-limited', { retryAfterMs: RETRY_AFTER_MS });
    }
    shelf.entries.set(key, { value, endsAtMs: nowMs + lifeMs });
  }

  #live(kind: ShortLivedKind, key: string): Entry | undefined {
    const entry = this.#shelves.get(kind)?.entries.get(key);
    return entry && entry.endsAtMs > this.#now() ? entry : undefined;
  }

  #shelf(kind: ShortLivedKind): Shelf {
    let shelf = this.#shelves.get(kind);
    if (!shelf) {
      shelf = new Shelf();
      this.#shelves.set(kind, shelf);
    }
    return shelf;
  }
}
