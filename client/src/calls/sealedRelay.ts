// The way to the other device of a peer call: signals sealed with the call
// secret, relayed by signaling, which sees their sizes and times only.
import { type Address, type CallId, ProtocolError, type Relayed } from '@carillon/protocol';
import { CallSealing, CallSealingError } from './callSealing.ts';
import type { SignalingClient } from './signalingClient.ts';
import { decodeSignal, encodeSignal, type Signal } from './signals.ts';

export interface SealedRelayOptions {
  readonly callId: CallId;
  readonly secret: Uint8Array;
  readonly self: Address;
  readonly peer: Address;
  readonly signaling: SignalingClient;
  signal(signal: Signal): void;
  /** Something came that the other device did not seal for us. */
  tampered(): void;
}

export class SealedRelay {
  readonly #options: SealedRelayOptions;
  readonly #sealing: CallSealing;
  #closed = false;

  constructor(options: SealedRelayOptions) {
    this.#options = options;
    this.#sealing = new CallSealing(options);
  }

  /**
   * Goes out as soon as there is a connection. It is sealed only then: the other
   * side refuses what comes out of order, and a repeated signal does no harm.
   */
  send(signal: Signal): void {
    const { callId, peer, signaling } = this.#options;
    const payload = encodeSignal(signal);
    const frame = () => {
      if (this.#closed) throw new ProtocolError('call-state');
      return { case: 'relay' as const, value: { callId, to: { ...peer }, sealed: this.#sealing.seal(payload) } };
    };
    // Refused means that the other has left; signaling says so by itself.
    signaling.request(frame, 'done').catch(() => {});
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
  }
}
