// Deletes what has outlived its time: unfinished uploads, blobs, tombstones.
import type { Log } from '@carillon/service';
import type { BlobStore } from './blobStore.ts';
import type { UploadStore } from './uploadStore.ts';

export interface SweeperOptions {
  readonly blobs: BlobStore;
  readonly uploads: UploadStore;
  readonly retentionMs: number;
  readonly tombstoneMs: number;
  readonly everyMs: number;
  readonly now: () => number;
  readonly log: Log;
}

export class Sweeper {
  readonly #options: SweeperOptions;
  readonly #timer: NodeJS.Timeout;
  #sweep: Promise<void> | undefined;

  constructor(options: SweeperOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.sweep(), options.everyMs);
    this.#timer.unref();
  }

  /** One at a time: asking during a sweep waits for that one. Never throws; a failed sweep is tried again next time. */
  sweep(): Promise<void> {
    this.#sweep ??= this.#run().finally(() => {
      this.#sweep = undefined;
    });
    return this.#sweep;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweep;
  }

  async #run(): Promise<void> {
    const { blobs, log, now, retentionMs, tombstoneMs, uploads } = this.#options;
    try {
      const nowMs = now();
      const unfinished = await uploads.deleteExpired();
      const expired = await blobs.expire({
        storedBeforeMs: nowMs - retentionMs,
        forgetBeforeMs: nowMs - tombstoneMs,
        nowMs,
      });
      if (unfinished + expired > 0) log.info('swept', { unfinished, expired });
    } catch (error) {
      log.error('sweep failed', { error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
}
