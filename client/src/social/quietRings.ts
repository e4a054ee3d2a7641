// Calls that come while the person does not want to be disturbed. Nothing rings
// and nobody is told: to the caller the call is not answered. When its ring is
// over it stands as missed, also if the caller's device is gone by then.
import { type AccountId, CallOutcome, callIdSchema, LIMITS } from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';

/** Rings waited for at once. Of more, only the caller's own word tells that they were missed. */
const RINGS_MAX = 64;
/** People remembered as called from here just now; more are not called in one ring. */
const CALLED_MAX = 16;

export class QuietRings {
  readonly #record: ContentChannel['recordCall'];
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #calledAtMs = new Map<AccountId, number>();

  constructor(record: ContentChannel['recordCall']) {
    this.#record = record;
  }

  hush({ from, content, acceptedAtMs }: ReceivedContent): void {
    if (content.body.case !== 'callInvite') return;
    const { video, expiresAtMs } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success || this.#timers.has(callId) || this.#timers.size >= RINGS_MAX) return;
    const ringMs = Math.min(Number(expiresAtMs) - acceptedAtMs, LIMITS.ringMs);
    if (ringMs <= 0) return;
    const timer = setTimeout(() => {
      this.#timers.delete(callId);
      const call = { callId, outgoing: false, outcome: 'missed', video, durationMs: 0 } as const;
      this.#record({ ...call, with: from.accountId, startedAtMs: acceptedAtMs }).catch(() => {
        // The caller's word of it comes as a message.
      });
    }, ringMs);
    this.#timers.set(callId, timer);
  }

  /** The person calls them: they may call at the same moment, or call back, and are to be heard. */
  calling(account: AccountId, nowMs: number): void {
    this.#calledAtMs.delete(account);
    this.#calledAtMs.set(account, nowMs);
    if (this.#calledAtMs.size > CALLED_MAX) this.#calledAtMs.delete(this.#calledAtMs.keys().next().value!);
  }

  isCalled(account: AccountId, nowMs: number): boolean {
    const atMs = this.#calledAtMs.get(account);
    return atMs !== undefined && nowMs < atMs + LIMITS.ringMs;
  }

  /** The caller has told how it ended: that is written down already. */
  told({ content }: ReceivedContent): void {
    if (content.body.case !== 'callLog') return;
    const { callId, outcome } = content.body.value;
    if (outcome === CallOutcome.RINGING) return;
    clearTimeout(this.#timers.get(callId));
    this.#timers.delete(callId);
  }

  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }
}
