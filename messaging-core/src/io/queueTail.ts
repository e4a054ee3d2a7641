// The part of one queue that is held in memory: everything after a seq that the
// device has read up to. It begins when the device has read to the end, shrinks
// as it reads on, and ends when it grows too long, to begin anew later.
import type { QueuedEnvelope } from '../core/messagingStore.ts';

/** More lets a device fall further behind before its queue is read from the database again. */
const TAIL_ENVELOPES_MAX = 128;
/** Of all tails together. Past it all end, and begin anew as their devices read. */
const TAIL_BYTES_MAX = 64 * 1024 * 1024;

export interface TailEnvelope {
  readonly envelope: QueuedEnvelope;
  readonly expiresAtMs: number;
  readonly groupMessageKey: number | null;
}

/** What all tails hold together. */
export class TailBudget {
  readonly #filled = new Set<QueueTail>();
  #bytes = 0;

  filled(tail: QueueTail): void {
    this.#filled.add(tail);
  }

  emptied(tail: QueueTail): void {
    this.#filled.delete(tail);
  }

  take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > TAIL_BYTES_MAX) for (const tail of this.#filled) tail.end();
  }
}

/** Nearly all tails are empty nearly always: those share one. */
const NO_ENVELOPES: TailEnvelope[] = [];

export class QueueTail {
  readonly #budget: TailBudget;
  /** Undefined: nothing is known of the queue's end. */
  #afterSeq: number | undefined;
  #envelopes = NO_ENVELOPES;

  constructor(budget: TailBudget) {
    this.#budget = budget;
  }

  /** The queue holds nothing after this seq. */
  begin(afterSeq: number): void {
    this.end();
    this.#afterSeq = afterSeq;
  }

  end(): void {
    this.#afterSeq = undefined;
    this.#remove(0, this.#envelopes.length);
  }

  push(one: TailEnvelope): void {
    if (this.#afterSeq === undefined) return;
    if (this.#envelopes.length >= TAIL_ENVELOPES_MAX) {
      this.end();
      return;
    }
    if (this.#envelopes === NO_ENVELOPES) {
      this.#envelopes = [];
      this.#budget.filled(this);
    }
    this.#envelopes.push(one);
    this.#budget.take(bytesHeld(one));
  }

  /** Undefined when it does not reach back so far: then the database knows. What was read before is let go. */
  page(afterSeq: number, limit: number, nowMs: number): readonly TailEnvelope[] | undefined {
    if (this.#afterSeq === undefined || afterSeq < this.#afterSeq) return undefined;
    this.#afterSeq = afterSeq;
    const unread = this.#envelopes.findIndex(({ envelope }) => envelope.seq > afterSeq);
    this.#remove(0, unread === -1 ? this.#envelopes.length : unread);
    return this.#envelopes.filter(({ expiresAtMs }) => expiresAtMs > nowMs).slice(0, limit);
  }

  remove(seq: number): void {
    if (this.#afterSeq === undefined || seq <= this.#afterSeq) return;
    const index = this.#envelopes.findIndex(({ envelope }) => envelope.seq === seq);
    if (index !== -1) this.#remove(index, 1);
  }

  #remove(index: number, count: number): void {
    if (count === 0) return;
    for (const one of this.#envelopes.splice(index, count)) this.#budget.take(-bytesHeld(one));
    if (this.#envelopes.length > 0) return;
    this.#envelopes = NO_ENVELOPES;
    this.#budget.emptied(this);
  }
}

/** A ciphertext is a view into the frame it came in, or into one read of a socket: that is what it keeps alive. */
function bytesHeld({ envelope }: TailEnvelope): number {
  return envelope.ciphertext.buffer.byteLength;
}
