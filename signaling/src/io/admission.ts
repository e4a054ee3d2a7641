// What a device, an account and all of them together may ask of a node beyond
// the bounds of one call: whoever floods is told to wait, and nobody else.
import { type CallId, ProtocolError } from '@carillon/protocol';
import type { CallEvent } from '../core/call.ts';
import { AccountRates } from './accountRates.ts';
import type { Seat } from './seats.ts';

/** Calls one socket hears of at once. */
const ATTACHED_PER_SEAT_MAX = 32;

/**
 * Relayed bytes of one account over all its calls. A call that rings five
 * devices takes about 80 KB, so that as many calls as an account may create do
 * not meet it. What is relayed is kept for some three minutes at most: one
 * account holds less than 4 MiB of this node's outboxes, whatever it does.
 * Raising it lets fewer accounts fill them for all.
 */
export const RELAY_BYTES_RATE = { perSecond: 8 * 1024, burst: 2 * 1024 * 1024 };

export interface AdmissionOptions {
  /** Bytes of relayed frames kept here for all devices together. */
  readonly outboxBytesMax: number;
  outboxBytes(): number;
}

export class Admission {
  readonly #options: AdmissionOptions;
  readonly #relayBytes = new AccountRates(RELAY_BYTES_RATE);

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError `rate-limited` */
  admit(callId: CallId, event: CallEvent, seat: Seat, nowMs: number): void {
    const isRated = event.type === 'relay' || event.type === 'update';
    if (isRated && !seat.relays.take(nowMs)) {
      throw new ProtocolError('rate-limited', { retryAfterMs: seat.relays.waitMs() });
    }
    if (event.type === 'relay') {
      this.#relayBytes.take(seat.address.accountId, nowMs, event.sealed.length);
      if (this.#options.outboxBytes() >= this.#options.outboxBytesMax) {
        throw new ProtocolError('rate-limited', { retryAfterMs: 10_000 });
      }
    }
    if (seat.attached.size >= ATTACHED_PER_SEAT_MAX && !seat.attached.has(callId)) {
      throw new ProtocolError('rate-limited', { retryAfterMs: 60_000 });
    }
  }

  sweep(nowMs: number): void {
    this.#relayBytes.sweep(nowMs);
  }
}
