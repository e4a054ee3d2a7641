// Runs the waiting at somebody's call link (core/joining.ts): sends the knocks,
// takes the invite that answers them, and accepts it.
import { bytesToBase64url, type CallId, callIdSchema, ProtocolError } from '@carillon/protocol';
import type { CallsApi } from '../api.ts';
import type { ContentChannel, ReceivedContent } from '../messaging/contentChannel.ts';
import { isPassing } from '../messaging/outbox.ts';
import type { CallView, Contact, JoinEnd, JoiningView } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Admissions } from './admissions.ts';
import {
  beginJoining,
  type Joining,
  type JoiningEffect,
  type JoiningEvent,
  type JoiningStep,
  joiningDeadline,
  stepJoining,
} from './core/joining.ts';
import { decodeCallLink, linkIdOf } from './core/link.ts';
import type { KnockOutcome } from './core/lobby.ts';
import { joiningWords } from './core/words.ts';
import { knockIdOf, type LinkMessages, outcomeOf } from './linkMessages.ts';

export interface JoiningParts {
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly channel: ContentChannel;
  readonly messages: LinkMessages;
  readonly admissions: Admissions;
  readonly calls: () => CallsApi;
  readonly emit: (joining: JoiningView) => void;
}

const ENDS: Readonly<Record<Exclude<KnockOutcome, 'asked'>, JoinEnd>> = {
  refused: 'refused',
  revoked: 'revoked',
  busy: 'busy',
  failed: 'failed',
};

export class JoiningRunner {
  readonly #parts: JoiningParts;
  #joining: Joining | undefined;
  #owner: Contact | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #saying: Promise<void> = Promise.resolve();

  constructor(parts: JoiningParts) {
    this.#parts = parts;
  }

  get view(): JoiningView | undefined {
    return this.#joining && this.#joining.phase !== 'over' ? this.#show(this.#joining) : undefined;
  }

  async read(text: string): Promise<{ owner: Contact; video: boolean }> {
    const { owner, video } = decodeCallLink(text);
    const { channel } = this.#parts;
    if (owner === channel.account.accountId) {
      throw new ProtocolError('invalid-request', { words: 'This is your own call link: give it to others.' });
    }
    try {
      return { owner: await channel.contact(owner), video };
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'account-unknown') throw error;
      const words = 'Nobody here has this call link. It may be of another server.';
      throw new ProtocolError('account-unknown', { words, cause: error });
    }
  }

  async join(text: string): Promise<void> {
    const { owner } = await this.read(text);
    const link = decodeCallLink(text);
    if (this.#parts.calls().current) {
      throw new ProtocolError('call-state', { words: 'You are in a call. End it first.' });
    }
    const before = this.#joining;
    if (before && before.phase !== 'over') {
      if (before.link.linkId === link.linkId) return;
      this.#dispatch({ type: 'cancel' });
    }
    this.#owner = owner;
    const { crypto, now } = this.#parts.platform;
    this.#apply(beginJoining({ link, knockId: bytesToBase64url(crypto.randomBytes(16)) }, now()));
  }

  async cancel(): Promise<void> {
    this.#dispatch({ type: 'cancel' });
    await this.#saying;
  }

  /** The invite answers our knock: it is ours to accept. */
  takes({ from, content }: ReceivedContent): boolean {
    const joining = this.#joining;
    if (content.body.case !== 'callInvite' || !joining) return false;
    const { success, data: callId } = callIdSchema.safeParse(content.body.value.callId);
    if (!success || linkIdOf(content.body.value.linkId) !== joining.link.linkId) return false;
    if (joining.phase !== 'knocking' && joining.phase !== 'waiting') return false;
    this.#dispatch({ type: 'invited', from: from.accountId, callId });
    const now = this.#joining;
    if (now?.phase !== 'entering' || now.callId !== callId) return false;
    this.#parts.admissions.note(callId, from.accountId, joining.link.linkId);
    return true;
  }

  answered({ from, content }: ReceivedContent): void {
    if (content.body.case !== 'callKnockAnswer' || !this.#joining) return;
    const outcome = outcomeOf(content.body.value.outcome);
    if (!outcome || knockIdOf(content.body.value.knockId) !== this.#joining.knockId) return;
    const { accountId } = from;
    if (outcome === 'asked') this.#dispatch({ type: 'asked', from: accountId });
    else this.#dispatch({ type: 'turned-away', from: accountId, reason: ENDS[outcome] });
  }

  callChanged({ callId, phase, words }: CallView): void {
    const joining = this.#joining;
    if (!joining) return;
    const isOurs = 'callId' in joining && joining.callId === callId;
    if (phase === 'ringing-in') {
      if (isOurs) this.#dispatch({ type: 'call-rings', callId });
    } else if (phase === 'ended') {
      this.#dispatch({ type: 'call-ended', callId, words });
    } else {
      this.#dispatch(isOurs ? { type: 'call-joined', callId } : { type: 'other-call' });
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#joining = undefined;
  }

  #dispatch(event: JoiningEvent): void {
    if (this.#joining) this.#apply(stepJoining(this.#joining, event, this.#parts.platform.now()));
  }

  #apply({ joining, effects }: JoiningStep): void {
    const isNews = joining !== this.#joining;
    this.#joining = joining;
    if (isNews) {
      this.#arm(joining);
      this.#parts.emit(this.#show(joining));
    }
    for (const effect of effects) this.#run(effect, joining);
  }

  #run(effect: JoiningEffect, joining: Joining): void {
    switch (effect.type) {
      case 'knock':
        this.#say(joining, false);
        break;
      case 'withdraw':
        this.#say(joining, true);
        break;
      case 'accept':
        this.#accept(effect.callId, joining.link.video);
        break;
      case 'leave':
        // It may be over already, or not have rung yet.
        this.#parts
          .calls()
          .hangUp(effect.callId)
          .catch(() => {});
        break;
      default:
        effect satisfies never;
    }
  }

  #say(joining: Joining, withdrawn: boolean): void {
    this.#saying = this.#parts.messages.knock(joining, withdrawn).catch((error: unknown) => {
      const { knockId } = this.#joining ?? {};
      // What time mends is said again soon.
      if (withdrawn || knockId !== joining.knockId || (error instanceof ProtocolError && isPassing(error))) return;
      this.#dispatch({ type: 'failed', words: wordsOf(error) });
    });
  }

  #accept(callId: CallId, video: boolean): void {
    // After the present event of the call, which may not be interrupted.
    queueMicrotask(() => {
      this.#parts
        .calls()
        .accept(callId, { video })
        .catch((error: unknown) => this.#dispatch({ type: 'failed', words: wordsOf(error) }));
    });
  }

  #arm(joining: Joining): void {
    clearTimeout(this.#timer);
    const atMs = joiningDeadline(joining);
    if (atMs === undefined) return;
    const waitMs = Math.max(0, atMs - this.#parts.platform.now()) + 1;
    this.#timer = setTimeout(() => this.#dispatch({ type: 'tick' }), waitMs);
  }

  #show(joining: Joining): JoiningView {
    const owner = this.#owner!;
    return {
      owner,
      video: joining.link.video,
      phase: joining.phase,
      callId: 'callId' in joining ? joining.callId : undefined,
      end: joining.phase === 'over' ? joining.reason : undefined,
      words: joiningWords(joining, owner.name),
    };
  }
}

const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
