// What comes by encrypted message of calls that others make: invites, which
// ring, and words on how a call ended, which need no signaling.
import {
  type AccountId,
  type Address,
  addressKey,
  type CallId,
  CallOutcome,
  callIdSchema,
  LIMITS,
} from '@carillon/protocol';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import type { RunningCall } from './call.ts';
import type { CallStart } from './callDeps.ts';
import type { CallPlaces } from './callPlaces.ts';
import { incomingCall, type NewCall } from './core/callMachine.ts';
import type { GlareDesk } from './glareDesk.ts';
import type { KnownContacts } from './knownContacts.ts';
import type { SignalingClient } from './signalingClient.ts';
import { SleptRings } from './sleptRings.ts';

/** Calls whose end is remembered, so that a late invite of one is not rung again. */
const OVER_MAX = 64;
/**
 * Calls of one account that signaling is being asked about. A person's devices make one each; more lets an account
 * keep more requests going here with invites to calls that do not exist.
 */
const ANNOUNCING_PER_CALLER_MAX = 2;
/** The same, of all callers together: more of them at one moment are missed without being asked about. */
const ANNOUNCING_MAX = 64;

export interface IncomingCallsOptions {
  readonly channel: ContentChannel;
  readonly signaling: SignalingClient;
  readonly contacts: KnownContacts;
  readonly places: CallPlaces;
  readonly glare: GlareDesk;
  now(): number;
  /** A call of this device's own is on its way to its place. */
  isStarting(): boolean;
  /** One may ring beside the call that the person is in. */
  mayWait(): boolean;
  run(start: CallStart): RunningCall;
  /** It has its place, and is to be shown. */
  rings(running: RunningCall): void;
}

export class IncomingCalls {
  readonly #options: IncomingCallsOptions;
  /** Signaling does not know yet that they ring here, or that they cannot; nobody sees them. */
  readonly #announcing = new Map<CallId, RunningCall>();
  /** When, by the server's clock: calls by their ids, and those that only an account has called over by both. */
  readonly #over = new Map<string, number>();
  readonly #slept: SleptRings;
  readonly #stops: (() => void)[];

  constructor(options: IncomingCallsOptions) {
    this.#options = options;
    const { channel, signaling } = options;
    const isKnown = (call: CallId, caller: AccountId) => this.#find(call) !== undefined || this.#isOver(call, caller);
    this.#slept = new SleptRings({ channel, signaling, isKnown });
    this.#stops = [
      channel.onContent('callInvite', (received) => void this.#onInvite(received)),
      channel.onContent('callLog', (received) => void this.#onLog(received)),
    ];
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const running of this.#announcing.values()) running.abandon();
  }

  /** A late invite of it does not ring. */
  noteOver(call: CallId): void {
    this.#remember(call);
  }

  /** Signaling knows that it rings here: for the person, if there is a place for one more. */
  show(running: RunningCall): void {
    if (running.state.phase !== 'ringing-in') return;
    const { places, rings } = this.#options;
    if (!this.#isBusy && places.ring(running)) rings(running);
    else running.dispatch({ type: 'decline', busy: true });
  }

  async #onInvite({ from, content, acceptedAtMs }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'callInvite') return;
    const { contacts, signaling } = this.#options;
    const { callSecret, video, expiresAtMs, group } = content.body.value;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success) return;
    // Both by the server's clock. A caller may ask for less time than a ring has, never for more.
    const remainingMs = Math.min(Number(expiresAtMs) - acceptedAtMs, LIMITS.ringMs);
    if (remainingMs <= 0 || callSecret.length !== 32 || this.#isOver(callId, from.accountId, acceptedAtMs)) return;
    if (signaling.has(callId)) return;
    if (this.#isAskedTooMuch(from.accountId)) {
      await this.#missed(callId, from.accountId, video, acceptedAtMs);
      return;
    }
    const running = this.#run({ callId, video, group }, from, callSecret, remainingMs);
    this.#announcing.set(callId, running);
    await contacts.learn([from.accountId]);
    this.#replaced(from)?.ended('connection-lost', from.accountId);
    await this.#announce(running, from.accountId);
    this.#announcing.delete(callId);
  }

  #run(
    call: Pick<NewCall, 'callId' | 'video' | 'group'>,
    from: Address,
    secret: Uint8Array,
    remainingMs: number,
  ): RunningCall {
    const { channel, run, now } = this.#options;
    const { accountId, deviceId } = channel.account;
    const self = { accountId, deviceId };
    return run({
      call: incomingCall({ ...call, self }, from, now() + remainingMs, now()),
      media: undefined,
      secrets: new Map([[addressKey(from), secret]]),
    });
  }

  async #announce(running: RunningCall, caller: AccountId): Promise<void> {
    const { glare } = this.#options;
    const isGlare = glare.awaits(caller) || this.#callsOut(caller);
    if (this.#isBusy && !isGlare) {
      await running.refuseBusy();
      return;
    }
    if (!(await running.ring())) return;
    // Much may have happened meanwhile. Does the other's call take the place of ours, now or as soon as ours has ended?
    if (isGlare && glare.awaits(caller) && glare.answer(running)) return;
    if (isGlare && this.#callsOut(caller) && glare.wait(running)) return;
    this.show(running);
  }

  /** No further call may ring here. */
  get #isBusy(): boolean {
    const { places, isStarting, mayWait } = this.#options;
    return places.waiting !== undefined || (places.current !== undefined && !mayWait()) || isStarting();
  }

  #isAskedTooMuch(caller: AccountId): boolean {
    const theirs = [...this.#announcing.values()].filter(({ state }) => state.createdBy === caller);
    return theirs.length >= ANNOUNCING_PER_CALLER_MAX || this.#announcing.size >= ANNOUNCING_MAX;
  }

  /** The device that we are in a peer call with calls anew: it has lost that call. */
  #replaced(from: Address): RunningCall | undefined {
    return this.#options.places.all.find(({ state: { mode, peer } }) => {
      return mode === 'peer' && peer !== undefined && addressKey(peer) === addressKey(from);
    });
  }

  #callsOut(account: AccountId): boolean {
    const call = this.#options.places.current?.state;
    const rings = call?.phase === 'ringing-out' || call?.phase === 'starting';
    return rings === true && call?.mode === 'peer' && call.callees.length === 1 && call.callees[0] === account;
  }

  /** The other device says how a call ended, by a message that needs no signaling. */
  async #onLog(received: ReceivedContent): Promise<void> {
    const { from, content, acceptedAtMs } = received;
    if (content.body.case !== 'callLog') return;
    const { outcome, video } = content.body.value;
    if (outcome === CallOutcome.RINGING) return this.#slept.told(received);
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success) return;
    const isMissed = outcome === CallOutcome.MISSED;
    const running = this.#find(callId);
    if (running) {
      const { createdBy, peer, mode, phase } = running.state;
      const isPeer = mode === 'peer' && peer?.accountId === from.accountId;
      // Only whoever asked us can take it back; others of a group know its id, too.
      if (isMissed && phase === 'ringing-in' && createdBy === from.accountId) running.ended('expired', createdBy);
      else if (isPeer && outcome === CallOutcome.COMPLETED) running.endedByPeer(from.accountId);
    } else if (isMissed && !this.#over.has(callId)) {
      await this.#missed(callId, from.accountId, video, acceptedAtMs);
    }
  }

  #find(call: CallId): RunningCall | undefined {
    const { places, glare } = this.#options;
    const unseen = glare.ringing?.callId === call ? glare.ringing : undefined;
    return places.find(call) ?? this.#announcing.get(call) ?? unseen;
  }

  /** Whoever left a call that goes on may be asked into it again: what was sent after its end here is about the next ring. */
  #isOver(call: CallId, caller: AccountId, sentAtMs = 0): boolean {
    return [call, overFor(call, caller)].some((over) => sentAtMs <= (this.#over.get(over) ?? Number.NEGATIVE_INFINITY));
  }

  async #missed(callId: CallId, caller: AccountId, video: boolean, startedAtMs: number): Promise<void> {
    this.#remember(overFor(callId, caller));
    const entry = { with: caller, callId, outgoing: false, outcome: 'missed', video, durationMs: 0 } as const;
    await this.#options.channel.recordCall({ ...entry, startedAtMs }).catch(() => {});
  }

  #remember(over: string): void {
    this.#over.delete(over);
    this.#over.set(over, this.#options.channel.serverNow());
    if (this.#over.size > OVER_MAX) this.#over.delete(this.#over.keys().next().value!);
  }
}

const overFor = (call: CallId, caller: AccountId) => `${call} ${caller}`;
