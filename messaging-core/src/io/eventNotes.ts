// What happens to devices, noted in the event log where there is one. A note that
// cannot be written costs somebody a wake-up or a count, never a message: nothing
// waits for it. What comes by the thousand a second is gathered: deliveries are
// counted, and one device's waiting envelopes said once, and once more after.
import { type Address, addressKey } from '@carillon/protocol';
import type { CarillonEvent, EventLog, Log } from '@carillon/service';

/** Longer spares the log, and delays wake-ups for what comes shortly after another. */
const GATHER_MS = 1_000;
/** Devices gathered for; past it they are noted at once. About 300 bytes each. */
const GATHERED_MAX = 20_000;

export interface EventNotesOptions {
  /** Undefined: nobody is told. */
  readonly events: EventLog | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

interface Gathered {
  readonly address: Address;
  delivered: number;
  isWaitingSaid: boolean;
  /** The latest end of what came since it was said that something waits. */
  waitingUntilMs: number | undefined;
}

export class EventNotes {
  readonly #options: EventNotesOptions;
  #gathered = new Map<string, Gathered>();
  #timer: NodeJS.Timeout | undefined;
  #failing = false;

  constructor(options: EventNotesOptions) {
    this.#options = options;
  }

  note(event: CarillonEvent): void {
    const { events, now, log } = this.#options;
    events?.append(event, now()).then(
      () => {
        this.#failing = false;
      },
      (error: unknown) => {
        if (!this.#failing) log.error('events are not kept', { error: String(error) });
        this.#failing = true;
      },
    );
  }

  delivered(address: Address, count: number): void {
    const gathered = this.#gather(address);
    if (gathered) gathered.delivered += count;
    else this.note({ type: 'envelopes-delivered', ...address, count });
  }

  /** Put into the queue of a device that is not connected. */
  waiting(address: Address, urgent: boolean, expiresAtMs: number): void {
    const gathered = urgent ? undefined : this.#gather(address);
    if (gathered?.isWaitingSaid) {
      gathered.waitingUntilMs = Math.max(gathered.waitingUntilMs ?? 0, expiresAtMs);
      return;
    }
    if (gathered) gathered.isWaitingSaid = true;
    this.note({ type: 'envelope-waiting', ...address, urgent, expiresAtMs });
  }

  /** Notes what is gathered; to be called before the log is closed. */
  close(): void {
    this.#flush();
    clearTimeout(this.#timer);
  }

  #flush(): void {
    this.#timer = undefined;
    const gathered = this.#gathered;
    this.#gathered = new Map();
    for (const { address, delivered, waitingUntilMs } of gathered.values()) {
      if (delivered > 0) this.note({ type: 'envelopes-delivered', ...address, count: delivered });
      if (waitingUntilMs !== undefined) this.waiting(address, false, waitingUntilMs);
    }
  }

  /** Undefined when it is to be noted at once. */
  #gather(address: Address): Gathered | undefined {
    if (!this.#options.events) return undefined;
    const key = addressKey(address);
    const before = this.#gathered.get(key);
    if (before || this.#gathered.size >= GATHERED_MAX) return before;
    const gathered: Gathered = { address, delivered: 0, isWaitingSaid: false, waitingUntilMs: undefined };
    this.#gathered.set(key, gathered);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS).unref();
    return gathered;
  }
}
