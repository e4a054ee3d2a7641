// Rings that this device slept through. Their invites have expired; what is kept
// is the caller's word that it rings, and mostly one on how it ended. Without that
// (the caller's device was gone first) the call stands as missed here, unless this
// account had it on another device: a record of that holds, and of a call that is
// still going on there signaling knows.
import { type AccountId, type CallId, CallOutcome, callIdSchema, LIMITS, ProtocolError } from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { SignalingClient, SignalingListener } from './signalingClient.ts';

/** What the server's clock may be away from this device's idea of it. A ring with less than this left is over. */
const CLOCKS_APART_MS = 5_000;
/** Calls that signaling is asked about at once. Of more, one on another device may stand as missed until it is over. */
const ASKING_MAX = 8;

export interface SleptRingsOptions {
  readonly channel: ContentChannel;
  readonly signaling: SignalingClient;
  /** It rings or rang here, or is going on. */
  isKnown(call: CallId, caller: AccountId): boolean;
}

export class SleptRings {
  readonly #options: SleptRingsOptions;
  #asking = 0;

  constructor(options: SleptRingsOptions) {
    this.#options = options;
  }

  /** The caller's word that it rings. In time it says nothing new: the invite came before it. */
  async told({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callLog' || content.body.value.outcome !== CallOutcome.RINGING) return;
    const { channel, isKnown } = this.#options;
    const { video, ringsUntilMs, startedAtMs } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    const overAtMs = Math.min(Number(ringsUntilMs), acceptedAtMs + LIMITS.ringMs) - CLOCKS_APART_MS;
    if (!success || channel.serverNow() < overAtMs) return;
    if (isKnown(callId, from.accountId) || (await this.#isGoingOn(callId)) || isKnown(callId, from.accountId)) return;
    const entry = { with: from.accountId, callId, outgoing: false, outcome: 'missed', video, durationMs: 0 } as const;
    const atMs = Math.min(Number(startedAtMs) || acceptedAtMs, acceptedAtMs);
    await channel.recordCall({ ...entry, startedAtMs: atMs, concluded: true }).catch(() => {});
  }

  /** On another device of this account, which tells how it was when it is over. */
  async #isGoingOn(callId: CallId): Promise<boolean> {
    if (this.#asking >= ASKING_MAX) return false;
    const { signaling } = this.#options;
    this.#asking++;
    const leave = signaling.join(onlooker(callId));
    try {
      await signaling.request({ case: 'attach', value: { callId, receivedSeq: 0n } }, 'state', { early: true });
      return false;
    } catch (error) {
      // So a device is answered whose account is in the call by another one.
      return error instanceof ProtocolError && error.code === 'call-not-yours';
    } finally {
      leave();
      this.#asking--;
    }
  }
}

/** It keeps the socket open for the question. */
function onlooker(callId: CallId): SignalingListener {
  const nothing = () => {};
  return {
    ...{ callId, receivedSeq: undefined, givesWay: true },
    ...{ snapshot: nothing, ended: nothing, relayed: nothing, forgotten: nothing, socket: nothing },
  };
}
