// What comes by encrypted message of calls that others make: invites, which
// ring, and words on how a call ended, which need no signaling.
import { type AccountId, addressKey, type CallId, CallOutcome, callIdSchema, LIMITS } from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { RunningCall } from './call.ts';
import type { CallStart } from './callDeps.ts';
import type { CallPlaces } from './callPlaces.ts';
import { incomingCall } from './core/callMachine.ts';
import type { GlareDesk } from './glareDesk.ts';
import type { KnownContacts } from './knownContacts.ts';
import type { SignalingClient } from './signalingClient.ts';

/** Calls whose end is remembered, so that a late invite of one is not rung again. */
const OVER_MAX = 64;

export interface IncomingCallsOptions {
  readonly channel: ContentChannel;
  readonly signaling: SignalingClient;
  readonly contacts: KnownContacts;
  readonly places: CallPlaces;
  readonly glare: GlareDesk;
  now(): number;
  /** A call of this device's own is on its way to its place. */
  isStarting(): boolean;
  run(start: CallStart): RunningCall;
  /** It has its place, and is to be shown. */
  rings(running: RunningCall): void;
}

interface Invite {
  readonly callId: CallId;
  readonly from: ReceivedContent['from'];
  readonly callSecret: Uint8Array;
  readonly video: boolean;
  readonly group: boolean;
  readonly remainingMs: number;
}

export class IncomingCalls {
  readonly #options: IncomingCallsOptions;
  readonly #over = new Set<CallId>();
  readonly #stops: (() => void)[];

  constructor(options: IncomingCallsOptions) {
    this.#options = options;
    const { channel } = options;
    this.#stops = [
      channel.onContent('callInvite', (received) => void this.#onInvite(received)),
      channel.onContent('callLog', (received) => void this.#onLog(received)),
    ];
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  /** A late invite of it does not ring. */
  noteOver(call: CallId): void {
    this.#over.add(call);
    if (this.#over.size > OVER_MAX) this.#over.delete(this.#over.values().next().value!);
  }

  async #onInvite({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callInvite') return;
    const { contacts, glare, places, isStarting } = this.#options;
    const { callSecret, video, expiresAtMs, group } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success) return;
    // Both by the server's clock. A caller may ask for less time than a ring has, never for more.
    const remainingMs = Math.min(Number(expiresAtMs) - acceptedAtMs, LIMITS.ringMs);
    if (remainingMs <= 0 || callSecret.length !== 32 || this.#over.has(callId) || places.find(callId)) return;
    await contacts.learn([from.accountId]);
    this.#replaced(from)?.ended('connection-lost', from.accountId);
    const isGlare = glare.awaits(from.accountId) || this.#callsOut(from.accountId);
    if (places.waiting || (isStarting() && !isGlare)) {
      await this.#refuseBusy(callId, from.accountId, video, acceptedAtMs);
      return;
    }
    await this.#ring({ callId, from, callSecret, video, group, remainingMs }, isGlare);
  }

  /** The device that we are in a peer call with calls anew: it has lost that call. */
  #replaced(from: ReceivedContent['from']): RunningCall | undefined {
    return this.#options.places.all.find(({ state: { mode, peer } }) => {
      return mode === 'peer' && peer !== undefined && addressKey(peer) === addressKey(from);
    });
  }

  #callsOut(account: AccountId): boolean {
    const call = this.#options.places.current?.state;
    const rings = call?.phase === 'ringing-out' || call?.phase === 'starting';
    return rings === true && call?.mode === 'peer' && call.callees.length === 1 && call.callees[0] === account;
  }

  async #ring({ callId, from, callSecret, video, group, remainingMs }: Invite, isGlare: boolean): Promise<void> {
    const { channel, glare, places, run, rings } = this.#options;
    const now = this.#options.now();
    const { accountId, deviceId } = channel.account;
    const running = run({
      call: incomingCall({ callId, self: { accountId, deviceId }, video, group }, from, now + remainingMs, now),
      media: undefined,
      secrets: new Map([[addressKey(from), callSecret]]),
    });
    if (!(await running.ring())) {
      // Over before it rang here. The caller's record of it comes as a message.
      running.abandon();
      return;
    }
    // True when the other's call takes the place of ours, now or as soon as ours has ended.
    if (isGlare && glare.awaits(from.accountId)) {
      glare.answer(running);
      return;
    }
    if (isGlare && this.#callsOut(from.accountId)) {
      glare.wait(running);
      return;
    }
    if (running.state.phase === 'ended') return;
    // Another invite may have come while this one was announced.
    if (places.ring(running)) rings(running);
    else running.dispatch({ type: 'decline', busy: true });
  }

  async #refuseBusy(callId: CallId, from: AccountId, video: boolean, startedAtMs: number): Promise<void> {
    const { channel, signaling } = this.#options;
    this.noteOver(callId);
    const body = { case: 'decline', value: { callId, busy: true } } as const;
    await signaling.requestInvited(body, 'done').catch(() => {});
    const entry = { with: from, callId, outgoing: false, outcome: 'missed', video, durationMs: 0 } as const;
    await channel.recordCall({ ...entry, startedAtMs }).catch(() => {});
  }

  /** The other device says how a call ended, by a message that needs no signaling. */
  async #onLog({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callLog') return;
    const { outcome, video, durationMs } = content.body.value;
    const callId = content.body.value.callId as CallId;
    const running = this.#options.places.find(callId);
    if (running?.state.participants.some(({ accountId }) => accountId === from.accountId)) {
      const isPeer = running.state.peer?.accountId === from.accountId && running.state.mode === 'peer';
      if (running.state.phase === 'ringing-in') running.ended('expired', from.accountId);
      else if (isPeer && outcome === CallOutcome.COMPLETED) running.endedByPeer(from.accountId);
      return;
    }
    if (outcome !== CallOutcome.MISSED || this.#over.has(callId)) return;
    const entry = { with: from.accountId, callId, outgoing: false, outcome: 'missed', video, durationMs } as const;
    await this.#options.channel.recordCall({ ...entry, startedAtMs: acceptedAtMs }).catch(() => {});
  }
}
