// What a stranger hears whose calls the person does not want before having
// accepted them: signaling is told why nothing rings here, and they read it. That
// tells them that a device is there, as ringing would: to a call that they have
// made, so no oftener than signaling lets them call, and to nothing else.
import { type AccountId, type CallId, callIdSchema, LIMITS } from '@carillon/protocol';
import type { ReceivedContent } from '../messaging/contentChannel.ts';
import { snapshotOf } from './core/roster.ts';
import type { SignalingClient, SignalingListener } from './signalingClient.ts';

/**
 * Calls answered at once, one of each stranger. More strangers at the same moment
 * read that nobody answered; raising it lets them keep more requests going here.
 */
const AT_ONCE_MAX = 8;
/** How long signaling is asked about a call that it does not know: an invite may overtake its call, or belong to none. */
const UNKNOWN_MS = 10_000;

export interface PermissionAnswersOptions {
  readonly signaling: SignalingClient;
  now(): number;
}

export class PermissionAnswers {
  readonly #options: PermissionAnswersOptions;
  readonly #asking = new Set<AccountId>();

  constructor(options: PermissionAnswersOptions) {
    this.#options = options;
  }

  /** Nobody is told more than that a call was not answered, if this cannot be said. */
  async answer({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callInvite') return;
    const { group, expiresAtMs } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    const { accountId } = from;
    // Signaling has no such word for one of many: in a group call it would read as a spoken no.
    if (!success || group || this.#options.signaling.has(callId)) return;
    const remainingMs = Math.min(Number(expiresAtMs) - acceptedAtMs, LIMITS.ringMs, UNKNOWN_MS);
    if (remainingMs <= 0 || this.#asking.size >= AT_ONCE_MAX || this.#asking.has(accountId)) return;
    this.#asking.add(accountId);
    await this.#refuse(callId, accountId, this.#options.now() + remainingMs).catch(() => {});
    this.#asking.delete(accountId);
  }

  async #refuse(callId: CallId, caller: AccountId, untilMs: number): Promise<void> {
    const { signaling, now } = this.#options;
    let isOver = false;
    const leave = signaling.join(
      listener(callId, () => {
        isOver = true;
      }),
    );
    try {
      const look = { case: 'attach', value: { callId, receivedSeq: 0n } } as const;
      const isWanted = () => !isOver && now() < untilMs;
      const { mode, participants } = snapshotOf(await signaling.requestInvited(look, 'state', isWanted));
      // Any id can be written into an invite: only their own call is refused for it, never another's.
      if (mode !== 'peer' || !participants.some(({ accountId }) => accountId === caller)) return;
      await signaling.request({ case: 'decline', value: { callId, needsPermission: true } }, 'done');
    } finally {
      leave();
    }
  }
}

/** It keeps the socket open, and hears when another device was first. */
function listener(callId: CallId, over: () => void): SignalingListener {
  const nothing = () => {};
  return {
    callId,
    receivedSeq: undefined,
    givesWay: true,
    snapshot: nothing,
    ended: over,
    relayed: nothing,
    forgotten: over,
    socket: nothing,
  };
}
