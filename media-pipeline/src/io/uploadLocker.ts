// One request at a time per upload. A newcomer asks the holder to let go: it is
// usually the same device, back on a new connection while the old one hangs
// half-open. (The locker that comes with @tus/server spins while it waits.)
import { ERRORS, type Lock, type Locker, type RequestRelease } from '@tus/server';

/** Requests waiting for one upload; a client has one, or two after a lost connection. */
const WAITERS_MAX = 4;
const WAIT_MS_MAX = 30_000;

/** Locked (RFC 4918 §11.3): clients try again by themselves. */
const LOCKED = { status_code: 423, body: 'locked' };

interface Held {
  readonly askToRelease: RequestRelease;
  readonly waiters: (() => void)[];
}

export class UploadLocker implements Locker {
  readonly #held = new Map<string, Held>();

  newLock(id: string): Lock {
    return {
      lock: (signal, askToRelease) => this.#lock(id, signal, askToRelease),
      unlock: async () => this.#unlock(id),
    };
  }

  async #lock(id: string, signal: AbortSignal, askToRelease: RequestRelease): Promise<void> {
    for (let held = this.#held.get(id); held; held = this.#held.get(id)) {
      if (held.waiters.length >= WAITERS_MAX) throw LOCKED;
      const released = waitForTurn(held.waiters, signal);
      await held.askToRelease();
      await released;
    }
    if (signal.aborted) throw ERRORS.ABORTED;
    this.#held.set(id, { askToRelease, waiters: [] });
  }

  #unlock(id: string): void {
    const held = this.#held.get(id);
    this.#held.delete(id);
    // A copy: each leaves the list as it wakes.
    for (const wake of [...(held?.waiters ?? [])]) wake();
  }
}

function waitForTurn(waiters: (() => void)[], signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(bound);
      signal.removeEventListener('abort', giveUp);
      const at = waiters.indexOf(wake);
      if (at >= 0) waiters.splice(at, 1);
    };
    const wake = () => {
      leave();
      resolve();
    };
    const giveUp = () => {
      leave();
      reject(LOCKED);
    };
    const bound = setTimeout(giveUp, WAIT_MS_MAX);
    signal.addEventListener('abort', giveUp, { once: true });
    waiters.push(wake);
  });
}
