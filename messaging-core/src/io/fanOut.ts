// Brings accepted group messages into the queues of the members' devices, a
// batch at a time. The work stands in the store, so that it goes on after a
// restart, and another node takes it over when this one dies: a node holds a
// group's work by a lease, which each batch renews.
import type { Log } from '@carillon/service';
import type { MessagingStore, QueueLimits } from '../core/messagingStore.ts';
import type { QueueNotices } from './queueNotices.ts';

/** Queues written by one batch: more costs fewer commits and holds up other requests longer. */
const BATCH_DEVICES_MAX = 128;
/** After a node's death its groups wait so long. Shorter, and a slow batch may lose its lease while it runs. */
const LEASE_MS = 5_000;
/** How often the store is asked without being told of work: what other nodes left behind. */
const LOOK_EVERY_MS = 2_000;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 5_000;

export interface FanOutOptions {
  readonly store: MessagingStore;
  readonly notices: QueueNotices;
  /** Names this process among those that share the store. */
  readonly node: string;
  readonly queueLimits: QueueLimits;
  readonly ageMaxMs: number;
  /** An urgent message is not worth waking anybody for after that. */
  readonly urgentMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export class FanOut {
  readonly #options: FanOutOptions;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;
  #failures = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.wake();
  }

  /** There may be work. */
  wake(): void {
    this.#again = true;
    // After a failure the store is left alone until its pause is over.
    if (this.#stopped || this.#running || this.#failures > 0) return;
    this.#start();
  }

  /** The batch under way is finished, not the work. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#running = this.#drain().finally(() => {
      this.#running = undefined;
      if (this.#stopped) return;
      this.#timer = setTimeout(() => this.#start(), this.#pauseMs());
      this.#timer.unref();
    });
  }

  #pauseMs(): number {
    if (this.#failures > 0) return Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** (this.#failures - 1));
    return this.#again ? 0 : LOOK_EVERY_MS;
  }

  async #drain(): Promise<void> {
    try {
      do {
        this.#again = false;
        while (!this.#stopped && (await this.#batch())) {
          // Others' requests go between two batches.
          await new Promise((resolve) => setImmediate(resolve));
        }
      } while (this.#again && !this.#stopped);
    } catch (error) {
      if (this.#failures++ === 0)
        this.#options.log.error('group messages wait for the store', { error: String(error) });
    }
  }

  /** True when there is more to do now. */
  async #batch(): Promise<boolean> {
    const { store, notices, node, queueLimits, ageMaxMs, urgentMs, now } = this.#options;
    const nowMs = now();
    const step = await store.fanOut({
      node,
      leaseMs: LEASE_MS,
      devicesMax: BATCH_DEVICES_MAX,
      limits: queueLimits,
      nowMs,
    });
    this.#failures = 0;
    await Promise.all(
      step.reached.map(({ address, urgent }) =>
        notices.queued(address, { urgent, expiresAtMs: nowMs + (urgent ? urgentMs : ageMaxMs) }),
      ),
    );
    return step.more;
  }
}
