// A device's program asks the platform for time and chance. While a world is
// played they are the world's: nothing waits, and all of it follows from the seed.
import type { Chance, Scheduler } from './scheduler.ts';

/** What looks at a call each second (how good it is) decides nothing here, and would be most of the events. */
const INTERVAL_MS_MIN = 30_000;

class Timer {
  readonly #planned: { clear(): void };

  constructor(planned: { clear(): void }) {
    this.#planned = planned;
  }

  clear(): void {
    this.#planned.clear();
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}

/** One world at a time in a process. Returns the way to give the platform its own back. */
export function enterVirtualTime(scheduler: Scheduler, chance: Chance): () => void {
  const real = {
    setTimeout: globalThis.setTimeout,
    clearTimeout: globalThis.clearTimeout,
    setInterval: globalThis.setInterval,
    clearInterval: globalThis.clearInterval,
  };
  const dateNow = Date.now;
  const random = Math.random;
  const after = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) =>
    new Timer(scheduler.after(ms, () => run(...args)));
  const every = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const everyMs = Math.max(ms, INTERVAL_MS_MIN);
    let planned: { clear(): void };
    const again = () => {
      planned = scheduler.after(everyMs, () => {
        again();
        run(...args);
      });
    };
    again();
    return new Timer({ clear: () => planned.clear() });
  };
  // What was begun before this world is still the platform's.
  const clear = (given: unknown) => {
    if (given instanceof Timer) given.clear();
    else real.clearTimeout(given as NodeJS.Timeout);
  };
  Object.assign(globalThis, { setTimeout: after, clearTimeout: clear, setInterval: every, clearInterval: clear });
  Date.now = () => scheduler.nowMs;
  Math.random = () => chance.next();
  Object.defineProperty(performance, 'now', { value: () => scheduler.nowMs, configurable: true });
  Object.defineProperty(crypto, 'getRandomValues', { value: fill(chance), configurable: true });
  return () => {
    Object.assign(globalThis, real);
    Date.now = dateNow;
    Math.random = random;
    Reflect.deleteProperty(performance, 'now');
    Reflect.deleteProperty(crypto, 'getRandomValues');
  };
}

export function fill(chance: Chance): <Bytes extends Uint8Array>(bytes: Bytes) => Bytes {
  return (bytes) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = chance.below(256);
    return bytes;
  };
}
