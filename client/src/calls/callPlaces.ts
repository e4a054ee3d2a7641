// Where the calls of this device are: at most one that the person is in, one
// that is on hold behind it, and one that rings beside them.
import { type CallId, ProtocolError } from '@carillon/protocol';
import type { RunningCall } from './call.ts';

const HOLDABLE = new Set(['connecting', 'active', 'reconnecting']);

export class CallPlaces {
  #current: RunningCall | undefined;
  #held: RunningCall | undefined;
  #waiting: RunningCall | undefined;

  get current(): RunningCall | undefined {
    return this.#current;
  }

  /** On hold while the person is in another. */
  get held(): RunningCall | undefined {
    return this.#held;
  }

  get waiting(): RunningCall | undefined {
    return this.#waiting;
  }

  get all(): RunningCall[] {
    return [this.#current, this.#held, this.#waiting].filter((running) => running !== undefined);
  }

  has(running: RunningCall): boolean {
    return this.all.includes(running);
  }

  find(call: CallId): RunningCall | undefined {
    return this.all.find(({ callId }) => callId === call);
  }

  /** One that the person is in: what rings there waits beside it. False: they are in another by now. */
  enter(running: RunningCall): boolean {
    const present = this.#current;
    if (present && (this.#waiting || present.state.phase !== 'ringing-in')) return false;
    this.#waiting = present;
    this.#current = running;
    return true;
  }

  /** One that rings. False: there is no place for it. */
  ring(running: RunningCall): boolean {
    if (this.#current && this.#waiting) return false;
    if (this.#current) this.#waiting = running;
    else this.#current = running;
    return true;
  }

  /** The one that waits is answered; the present one is held, or is to end. @throws ProtocolError when it cannot be held */
  answer(hold: boolean): void {
    const [present, answered] = [this.#current, this.#waiting];
    if (!present || !answered) return;
    if (!hold) {
      present.dispatch({ type: 'hang-up' });
      // What was held has come to the front; it goes behind again.
      if (this.#waiting === answered) [this.#current, this.#held, this.#waiting] = [answered, this.#current, undefined];
      return;
    }
    if (this.#held) {
      throw new ProtocolError('call-state', { words: 'Two calls are the most: end one of them first.' });
    }
    if (!HOLDABLE.has(present.state.phase)) {
      throw new ProtocolError('call-state', { words: 'This call cannot be put on hold yet.' });
    }
    present.dispatch({ type: 'hold', on: true });
    // Holding it may have been its end.
    if (this.#current !== present) return;
    this.#waiting = undefined;
    this.#held = present;
    this.#current = answered;
  }

  /** The one behind comes to the front and goes on; the present one is held. */
  swap(): void {
    const [present, behind] = [this.#current, this.#held];
    if (!present || !behind) return;
    if (!HOLDABLE.has(present.state.phase)) {
      throw new ProtocolError('call-state', { words: 'This call cannot be put on hold yet.' });
    }
    present.dispatch({ type: 'hold', on: true });
    if (this.#current !== present) return;
    this.#held = present;
    this.#current = behind;
    behind.dispatch({ type: 'hold', on: false });
  }

  /** It has ended: what was held comes to the front, and stays on hold; else what waited. */
  leave(running: RunningCall): void {
    if (running === this.#waiting) this.#waiting = undefined;
    if (running === this.#held) this.#held = undefined;
    if (running !== this.#current) return;
    this.#current = this.#held ?? this.#waiting;
    if (!this.#held) this.#waiting = undefined;
    this.#held = undefined;
  }
}
