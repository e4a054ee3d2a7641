// What happens to devices, noted in the event log where there is one. A note that
// cannot be written costs somebody a wake-up or a count, never a message: nothing waits for it.
import type { CarillonEvent, EventLog, Log } from '@carillon/service';

export interface EventNotesOptions {
  /** Undefined: nobody is told. */
  readonly events: EventLog | undefined;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export class EventNotes {
  readonly #options: EventNotesOptions;
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
}
