// The outboxes of all calls, and how much they hold together.
import { type AccountId, type Address, addressKey, type CallId } from '@carillon/protocol';
import { Outbox, type RelayedFrame } from './outbox.ts';

/**
 * Devices of one account in one call that frames are kept for: all that it may
 * have, and some that took the place of others meanwhile. They are named by
 * whoever sends to them, and nobody here can tell whether they exist before
 * they ring: those that do always have a place. Raising it lets a sender
 * scatter its frames over more devices that are not there.
 */
export const OUTBOXES_PER_ACCOUNT_MAX = 8;

export class Outboxes {
  readonly #calls = new Map<CallId, Map<string, Outbox>>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Keeps a frame for `to`; undefined when its account has no place for one more device.
   * @param restores of the call, see Outbox. `isPresent`: the device rings, or is in.
   */
  push(
    callId: CallId,
    to: Address,
    frame: { from: Address; sealed: Uint8Array },
    { restores, isPresent, nowMs }: { restores: number; isPresent: boolean; nowMs: number },
  ): RelayedFrame | undefined {
    const ofCall = this.#calls.get(callId) ?? new Map<string, Outbox>();
    this.#calls.set(callId, ofCall);
    const key = addressKey(to);
    if (!ofCall.has(key) && !isPresent && boxesOf(ofCall, to.accountId) >= OUTBOXES_PER_ACCOUNT_MAX) return undefined;
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

function boxesOf(ofCall: ReadonlyMap<string, Outbox>, accountId: AccountId): number {
  return [...ofCall.keys()].filter((key) => key.startsWith(`${accountId}.`)).length;
}
