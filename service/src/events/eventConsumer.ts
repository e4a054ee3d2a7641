// A named consumer at work: reads on while earlier events are still being
// handled, and commits up to the first that is not done. So one slow event holds
// up its commit, not its successors, and a kill brings back what was not done.
import type { Log } from '../log.ts';
import type { EventLog, RecordedEvent } from './eventLog.ts';

/** Events given out and not done. More rides out slower handling; each is handled again after a kill. */
const IN_FLIGHT_MAX = 2_000;
const BATCH_MAX = 256;
const READ_WAIT_MS = 5_000;
/** After a log that failed, before it is tried again. */
const FAILURE_PAUSE_MS = 1_000;

export interface EventConsumerOptions {
  readonly events: EventLog;
  /** Under which its place in the log is kept. */
  readonly name: string;
  /** Resolves when the event is done with; one that throws is logged and counts as done. */
  handle(recorded: RecordedEvent): Promise<void> | void;
  readonly log: Log;
}

interface Handled {
  readonly position: string;
  done: boolean;
}

export class EventConsumer {
  readonly #options: EventConsumerOptions;
  readonly #inFlight: Handled[] = [];
  readonly #running: Promise<void>;
  #committing: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  #stopped = false;

  constructor(options: EventConsumerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Takes no more events and commits what is done. Before the log is closed. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#resume?.();
    await this.#committing;
  }

  /** After `stop`, when the read under way has come back: at the latest when the log is closed. */
  get ended(): Promise<void> {
    return this.#running;
  }

  async #run(): Promise<void> {
    const { events, name, log } = this.#options;
    let failing = false;
    while (!this.#stopped) {
      try {
        const room = Math.min(BATCH_MAX, IN_FLIGHT_MAX - this.#inFlight.length);
        if (room <= 0) {
          await this.#pause();
          continue;
        }
        const batch = await events.read(name, room, READ_WAIT_MS);
        failing = false;
        // What is read and not handled comes again with the next start.
        if (!this.#stopped) for (const recorded of batch) void this.#handle(recorded);
      } catch (error) {
        if (this.#stopped) return;
        if (!failing) log.warn('events cannot be read', { consumer: name, error: String(error) });
        failing = true;
        await this.#pause(FAILURE_PAUSE_MS);
      }
    }
  }

  async #handle(recorded: RecordedEvent): Promise<void> {
    const handled: Handled = { position: recorded.position, done: false };
    this.#inFlight.push(handled);
    try {
      await this.#options.handle(recorded);
    } catch (error) {
      const { log, name } = this.#options;
      log.error('event failed', { consumer: name, type: recorded.event.type, error: String(error) });
    }
    handled.done = true;
    this.#committing ??= this.#commit();
  }

  /** One commit at a time, each as far as it goes by then. */
  async #commit(): Promise<void> {
    const { events, name, log } = this.#options;
    try {
      // Events that end in the same turn share a commit.
      await new Promise((resolve) => setImmediate(resolve));
      while (this.#inFlight[0]?.done) {
        const open = this.#inFlight.findIndex(({ done }) => !done);
        const done = this.#inFlight.splice(0, open === -1 ? this.#inFlight.length : open);
        this.#resume?.();
        await events.commit(name, done.at(-1)!.position);
      }
    } catch (error) {
      // They come again after a restart, or with the next commit.
      if (!this.#stopped) log.warn('events cannot be committed', { consumer: name, error: String(error) });
    } finally {
      this.#committing = undefined;
    }
  }

  /** Until there is room, or for a while. */
  #pause(timeoutMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = timeoutMs === undefined ? undefined : setTimeout(() => this.#resume?.(), timeoutMs);
      this.#resume = () => {
        clearTimeout(timer);
        this.#resume = undefined;
        resolve();
      };
    });
  }
}
