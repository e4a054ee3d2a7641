// What was relayed to one device within one call, kept so that it can be sent
// again: a candidate that came before the device rang, an answer that was under
// way when its socket broke.
import type { Address } from '@carillon/protocol';

/**
 * Frames and bytes kept for one device. Past them the oldest is dropped: it was
 * sent long ago and has most likely arrived, while refusing the newest would
 * stop a running call. A device whose gap was dropped negotiates anew. Raising
 * them costs this much memory for each device of each call.
 */
export const OUTBOX_FRAMES_MAX = 256;
export const OUTBOX_BYTES_MAX = 512 * 1024;

export interface RelayedFrame {
  readonly atMs: number;
  readonly seq: bigint;
  readonly from: Address;
  readonly sealed: Uint8Array;
}

export class Outbox {
  #frames: RelayedFrame[] = [];
  #bytes = 0;
  #lastSeq: bigint;

  /** @param restores of the call: sequences of a restored call begin above all that were ever sent in it. */
  constructor(restores: number) {
    this.#lastSeq = BigInt(restores) << 32n;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(from: Address, sealed: Uint8Array, nowMs: number): RelayedFrame {
    this.#lastSeq += 1n;
    const frame = { atMs: nowMs, seq: this.#lastSeq, from, sealed };
    this.#frames.push(frame);
    this.#bytes += sealed.length;
    while (this.#frames.length > OUTBOX_FRAMES_MAX || this.#bytes > OUTBOX_BYTES_MAX) this.#drop(1);
    return frame;
  }

  /** Forgets what the device has received, and returns what it has not. */
  after(receivedSeq: bigint): readonly RelayedFrame[] {
    const received = this.#frames.findIndex(({ seq }) => seq > receivedSeq);
    this.#drop(received === -1 ? this.#frames.length : received);
    return [...this.#frames];
  }

  /** Forgets frames relayed before then: by now they have arrived, or nobody waits for them any more. */
  dropBefore(atMs: number): void {
    const young = this.#frames.findIndex((frame) => frame.atMs >= atMs);
    this.#drop(young === -1 ? this.#frames.length : young);
  }

  #drop(count: number): void {
    for (const { sealed } of this.#frames.splice(0, count)) this.#bytes -= sealed.length;
  }
}
