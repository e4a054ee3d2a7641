// Who wants to know of what. A listener that throws is its own problem: the
// others hear all the same, and the error is reported as uncaught.
import type { CarillonEvents } from './api.ts';

type Listener<Event extends keyof CarillonEvents> = (value: CarillonEvents[Event]) => void;

export class Emitter {
  readonly #listeners = new Map<keyof CarillonEvents, Set<(value: never) => void>>();

  on<Event extends keyof CarillonEvents>(event: Event, listener: Listener<Event>): () => void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  emit<Event extends keyof CarillonEvents>(event: Event, value: CarillonEvents[Event]): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        (listener as Listener<Event>)(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
