// The outboxes of all calls, and how much they hold together.
import { type Address, addressKey, type CallId } from '@carillon/protocol';
import { Outbox, type RelayedFrame } from './outbox.ts';

/**
 * Devices of one call that frames are kept for: all devices of a full call,
 * twice over. An invited account's devices are named by whoever sends to them,
 * and nobody here can tell whether they exist.
 */
export const OUTBOXES_PER_CALL_MAX = 80;

export class Outboxes {
  readonly #calls = new Map<CallId, Map<string, Outbox>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a frame for `to`; undefined when the call has no place for one more device.
   * @param restores of the call, see Outbox.
   */
  push(
    callId: CallId,
    to: Address,
    frame: { from: Address; sealed: Uint8Array },
    { restores, nowMs }: { restores: number; nowMs: number },
  ): RelayedFrame | undefined {
    const ofCall = this.#calls.get(callId) ?? new Map<string, Outbox>();
    this.#calls.set(callId, ofCall);
    const key = addressKey(to);
    if (!ofCall.has(key) && ofCall.size >= OUTBOXES_PER_CALL_MAX) return undefined;
    const outbox = ofCall.get(key) ?? new Outbox(restores);
    ofCall.set(key, outbox);
    return this.#counted(outbox, () => outbox.push(frame.from, frame.sealed, nowMs));
  }

  /** What `device` has not received, oldest first. */
  after(callId: CallId, device: Address, receivedSeq: bigint): readonly RelayedFrame[] {
    const outbox = this.#calls.get(callId)?.get(addressKey(device));
    return outbox ? this.#counted(outbox, () => outbox.after(receivedSeq)) : [];
  }

  /** The device is out of the call. Its count goes on, should it come back. */
  empty(callId: CallId, device: Address): void {
    const outbox = this.#calls.get(callId)?.get(addressKey(device));
    if (outbox) this.#counted(outbox, () => outbox.dropBefore(Number.POSITIVE_INFINITY));
  }

  forget(callId: CallId): void {
    for (const outbox of this.#calls.get(callId)?.values() ?? []) this.#bytes -= outbox.bytes;
    this.#calls.delete(callId);
  }

  dropBefore(atMs: number): void {
    for (const ofCall of this.#calls.values()) {
      for (const outbox of ofCall.values()) this.#counted(outbox, () => outbox.dropBefore(atMs));
    }
  }

  #counted<T>(outbox: Outbox, change: () => T): T {
    const before = outbox.bytes;
    const result = change();
    this.#bytes += outbox.bytes - before;
    return result;
  }
}
