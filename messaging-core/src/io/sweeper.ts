// Drops what is past its age, a little at a time so that sends hardly wait.
import type { Log } from '@carillon/service';
import type { MessagingStore } from '../core/messagingStore.ts';

/** Expired envelopes are never delivered whenever they are dropped: this only frees disk. */
const SWEEP_EVERY_MS = 60_000;
/** Between two parts of one sweep. */
const SWEEP_PAUSE_MS = 50;
/** Send ids remembered, about 120 bytes each on disk. Fewer, and a very late repeat is stored twice; the SDK drops it by id. */
const REMEMBERED_IDS_MAX = 5_000_000;

export interface SweeperOptions {
  readonly store: MessagingStore;
  readonly now: () => number;
  readonly rememberIdsMs: number;
  readonly log: Log;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#again(SWEEP_PAUSE_MS);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #again(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#sweep(), delayMs);
    this.#timer.unref();
  }

  async #sweep(): Promise<void> {
    const { store, now, rememberIdsMs, log } = this.#options;
    let more = false;
    try {
      const nowMs = now();
      more = await store.sweep({
        nowMs,
        forgetIdsBeforeMs: nowMs - rememberIdsMs,
        rememberedIdsMax: REMEMBERED_IDS_MAX,
      });
    } catch (error) {
      log.error('sweep failed', { error: error instanceof Error ? error.message : String(error) });
    }
    this.#again(more ? SWEEP_PAUSE_MS : SWEEP_EVERY_MS);
  }
}
