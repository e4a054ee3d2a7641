import type { CarillonEvents } from '../api.ts';
import type { Carillon } from '../carillon.ts';

export const REMOVED =
  'This device was removed from the account. Nothing is sent or received here any more; sign up or link it again in a new folder (--data-dir).';
const ONLINE_WITHIN_MS = 15_000;

/** Resolves once `condition` holds: asked now and after each of the events; `timedOut` names what was waited for. */
export function waitUntil(
  carillon: Carillon,
  events: readonly (keyof CarillonEvents)[],
  condition: () => boolean | Promise<boolean>,
  timeoutMs: number,
  timedOut: () => string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (then: () => void) => {
      clearTimeout(timer);
      for (const stop of stops) stop();
      then();
    };
    const check = () => {
      Promise.resolve()
        .then(condition)
        .then(
          (holds) => holds && end(resolve),
          (error: unknown) => end(() => reject(error)),
        );
    };
    const timer = setTimeout(() => end(() => reject(new Error(timedOut()))), timeoutMs);
    const stops = events.map((event) => carillon.on(event, check));
    check();
  });
}

/** @throws Error in words when the server cannot be reached */
export function whenOnline(carillon: Carillon): Promise<void> {
  let words = 'The server cannot be reached.';
  let failures = 0;
  return waitUntil(
    carillon,
    ['connection'],
    () => {
      const { connection } = carillon;
      if (connection.state === 'online') return true;
      if (connection.words) words = connection.words;
      // Nothing that is waited for would bring it back.
      if (connection.removed) throw new Error(REMOVED);
      // The first attempt may meet a server that is just starting.
      if (connection.state === 'offline' && connection.words && ++failures >= 3) throw new Error(words);
      return false;
    },
    ONLINE_WITHIN_MS,
    () => words,
  );
}
