// The way to the other device of a peer call: signals sealed with the call
// secret, relayed by signaling, which sees their sizes and times only. What could
// not be relayed waits and goes again, for as long as it says something new.
import { type Address, type CallId, type ErrorCode, ProtocolError, type Relayed } from '@carillon/protocol';
import { CALL_PAYLOAD_BYTES_MAX, CallSealing, CallSealingError } from './callSealing.ts';
import type { SignalingClient } from './signalingClient.ts';
import { decodeSignal, encodeSignal, type Signal } from './signals.ts';

/** The least pause before a relay that failed goes again. Lower: a busy server is asked more often. */
export const RELAY_AGAIN_MS = 1_000;
/** Signals under way or waiting; past them the oldest is given up. A description and its candidates are about a dozen. */
export const WAITING_MAX = 64;
/** The other has left, as signaling says by itself, or this can never be relayed. Everything else passes. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'call-state',
  'call-unknown',
  'call-not-yours',
  'device-unknown',
  'invalid-request',
  'frame-too-large',
  'unknown-frame',
]);

export interface SealedRelayOptions {
  readonly callId: CallId;
  readonly secret: Uint8Array;
  readonly self: Address;
  readonly peer: Address;
  readonly signaling: SignalingClient;
  signal(signal: Signal): void;
  /** Something came that the other device did not seal for us, or not now. */
  tampered(): void;
  /** A signal of this device is larger than signaling takes. */
  tooLarge(): void;
}

interface Waiting {
  readonly type: Signal['type'];
  readonly payload: Uint8Array;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class SealedRelay {
  readonly #options: SealedRelayOptions;
  readonly #sealing: CallSealing;
  readonly #waiting = new Set<Waiting>();
  #closed = false;

  constructor(options: SealedRelayOptions) {
    this.#options = options;
    this.#sealing = new CallSealing(options);
  }

  /** Goes out as soon as there is a connection, and again until signaling has taken it or something newer is to be said. */
  send(signal: Signal): void {
    if (this.#closed) return;
    const payload = encodeSignal(signal);
    if (payload.length > CALL_PAYLOAD_BYTES_MAX) {
      this.#options.tooLarge();
      return;
    }
    for (const earlier of this.#waiting) if (isOutdated(earlier.type, signal.type)) this.#giveUp(earlier);
    const [oldest] = this.#waiting;
    if (oldest && this.#waiting.size >= WAITING_MAX) this.#giveUp(oldest);
    const waiting: Waiting = { type: signal.type, payload, timer: undefined };
    this.#waiting.add(waiting);
    void this.#relay(waiting);
  }

  receive({ from, sealed }: Relayed): void {
    const { peer, signal, tampered } = this.#options;
    // A device that rang and lost the race may have spoken too early.
    if (from?.accountId !== peer.accountId || from.deviceId !== peer.deviceId) return;
    let decoded: Signal | undefined;
    try {
      decoded = decodeSignal(this.#sealing.open(sealed));
    } catch (error) {
      // An honest device seals anew whatever it says again, and signaling's own repeats are known by their sequence.
      if (!(error instanceof CallSealingError && error.code === 'late')) tampered();
    }
    if (decoded) signal(decoded);
  }

  close(): void {
    this.#closed = true;
    for (const waiting of this.#waiting) this.#giveUp(waiting);
  }

  async #relay(waiting: Waiting): Promise<void> {
    const { callId, peer, signaling } = this.#options;
    // Sealed at each sending: the other side refuses what comes out of order.
    const frame = () => {
      if (!this.#waiting.has(waiting)) throw new ProtocolError('call-state');
      const sealed = this.#sealing.seal(waiting.payload);
      return { case: 'relay' as const, value: { callId, to: { ...peer }, sealed } };
    };
    try {
      await signaling.request(frame, 'done');
      this.#waiting.delete(waiting);
    } catch (error) {
      const refusal = error instanceof ProtocolError ? error : new ProtocolError('internal-error', { cause: error });
      if (FINAL.has(refusal.code)) this.#waiting.delete(waiting);
      if (!this.#waiting.has(waiting)) return;
      const waitMs = Math.max(RELAY_AGAIN_MS, refusal.details.retryAfterMs ?? 0);
      waiting.timer = setTimeout(() => void this.#relay(waiting), waitMs);
    }
  }

  #giveUp(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    clearTimeout(waiting.timer);
  }
}

/** A description has all candidates that were found for it so far; which sources are on is said as a whole. */
function isOutdated(earlier: Signal['type'], newer: Signal['type']): boolean {
  return earlier === 'media' ? newer === 'media' : newer === 'description';
}
