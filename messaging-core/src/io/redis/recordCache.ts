// Records that are read far more often than they change. Askers of one key share
// one read; a record that is asked for again near its end is read anew in time, so
// that nobody waits for a hot one. What any node changed is dropped at once; the
// life of an entry only bounds what a lost word could do.
import { LRUCache } from 'lru-cache';
import { EVERYTHING, type Switchboard } from '../../core/switchboard.ts';

export type Invalidations = Pick<Switchboard, 'invalidate' | 'onInvalidate'>;

export interface RecordCacheOptions<V extends object> {
  /** Begins the keys by which changes are told, so that caches do not hear each other's. */
  readonly prefix: string;
  readonly entriesMax: number;
  readonly lifeMs: number;
  /** Asked for within this time before its end, it is read anew meanwhile. */
  readonly earlyMs: number;
  readonly invalidations: Invalidations;
  /** Undefined is not kept. */
  readonly read: (key: string) => Promise<V | undefined>;
}

/** Why lru-cache ends a read under way. */
const ENDED: ReadonlySet<string> = new Set(['deleted', 'evicted', 'replaced']);

export class RecordCache<V extends object> {
  readonly #options: RecordCacheOptions<V>;
  readonly #entries: LRUCache<string, V>;
  readonly #refreshing = new Set<string>();

  constructor(options: RecordCacheOptions<V>) {
    this.#options = options;
    this.#entries = new LRUCache<string, V>({
      max: options.entriesMax,
      ttl: options.lifeMs,
      fetchMethod: (key) => options.read(key),
    });
    options.invalidations.onInvalidate((key) => {
      if (key === EVERYTHING) this.#entries.clear();
      else if (key.startsWith(options.prefix)) this.#entries.delete(key.slice(options.prefix.length));
    });
  }

  async get(key: string): Promise<V | undefined> {
    this.#refreshEarly(key);
    const asked = this.#entries.fetch(key);
    try {
      return await asked;
    } catch (error) {
      // Changed while it was read: what was read is not to be believed.
      if (error instanceof Error && ENDED.has(error.message)) return this.#options.read(key);
      throw error;
    }
  }

  /** After a change, before it is answered. */
  async changed(key: string): Promise<void> {
    const { prefix, invalidations } = this.#options;
    // Where the word is lost, the life of an entry bounds it.
    await invalidations.invalidate(prefix + key).catch(() => {});
  }

  #refreshEarly(key: string): void {
    const leftMs = this.#entries.getRemainingTTL(key);
    if (leftMs <= 0 || leftMs > this.#options.earlyMs || this.#refreshing.has(key)) return;
    this.#refreshing.add(key);
    const before = this.#entries.peek(key);
    this.#options
      .read(key)
      .then((value) => {
        // Dropped or replaced meanwhile: then this may be older than the change.
        if (value !== undefined && this.#entries.peek(key) === before) this.#entries.set(key, value);
      })
      .catch(() => {})
      .finally(() => this.#refreshing.delete(key));
  }
}
