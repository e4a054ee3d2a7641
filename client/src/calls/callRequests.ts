// What a call asks of signaling and tells it, and what becomes of it: the answer
// is an event of the call, or a last word that only its socket waits for.
import { type AccountId, ProtocolError } from '@carillon/protocol';
import type { CallMessages } from './callMessages.ts';
import type { Call, CallEvent } from './core/callMachine.ts';
import type { SummaryReport } from './core/callSummary.ts';
import { type Snapshot, snapshotOf } from './core/roster.ts';
import { qualityFrame } from './qualityFrame.ts';
import type { SignalingClient } from './signalingClient.ts';

export interface CallRequestsOptions {
  readonly signaling: SignalingClient;
  readonly messages: CallMessages;
  call(): Call;
  snapshot(snapshot: Snapshot): void;
  dispatch(event: CallEvent): void;
}

export class CallRequests {
  readonly #options: CallRequestsOptions;
  #lastWord: Promise<void> = Promise.resolve();

  constructor(options: CallRequestsOptions) {
    this.#options = options;
  }

  /** Resolves once signaling has heard, or will not hear, that this device is out. */
  get lastWord(): Promise<void> {
    return this.#lastWord;
  }

  /**
   * Registers the call. The invites go out at the same moment: the callee's
   * devices ring again until signaling knows of the call.
   */
  async create(callees: readonly AccountId[], room: boolean): Promise<void> {
    const { signaling, messages, call, snapshot, dispatch } = this.#options;
    messages.invite(call(), callees).catch((error) => dispatch({ type: 'media-failed', words: wordsOf(error) }));
    try {
      const { callId, video } = call();
      const value = { callId, calleeAccountIds: [...callees], video, room };
      snapshot(await signaling.state({ case: 'create', value }, { early: true }));
    } catch (error) {
      dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  /** It rings here. False: it was over before. */
  async ring(): Promise<boolean> {
    const { signaling, call, snapshot } = this.#options;
    try {
      const isWanted = () => call().phase === 'ringing-in';
      snapshot(snapshotOf(await signaling.requestInvited({ case: 'ring', value: this.#named }, 'state', isWanted)));
      return true;
    } catch {
      return false;
    }
  }

  /** @throws ProtocolError */
  async invite(accounts: readonly AccountId[]): Promise<void> {
    const { signaling, messages, call, snapshot } = this.#options;
    const value = { ...this.#named, accountIds: [...accounts] };
    snapshot(await signaling.state({ case: 'invite', value }));
    await messages.invite(call(), accounts);
  }

  /** Its answer is waited for as a last word is: granted to a call that is over here, it has to be taken back. */
  async accept(): Promise<void> {
    const accepted = this.#accept();
    this.#waitFor(accepted);
    await accepted;
  }

  async #accept(): Promise<void> {
    const { signaling, call, snapshot, dispatch } = this.#options;
    try {
      const granted = await signaling.state({ case: 'accept', value: this.#named });
      // Granted, though another device's no had ended it here meanwhile: nobody is to wait for this one.
      if (call().phase === 'ended') await this.#say({ case: 'hangUp', value: this.#named });
      else snapshot(granted);
    } catch (error) {
      const { self, createdBy } = call();
      const code = error instanceof ProtocolError ? error.code : undefined;
      if (code === 'answered-elsewhere') dispatch({ type: 'ended', reason: 'accepted-elsewhere', by: self.accountId });
      // The server also says why it is over; whichever comes first ends it.
      else if (code === 'call-unknown') dispatch({ type: 'ended', reason: 'cancelled', by: createdBy });
      else dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  preconnect(): void {
    this.#options.signaling.request({ case: 'preconnect', value: this.#named }, 'done').catch(() => {});
  }

  update(video: boolean, held: boolean): void {
    const { signaling, snapshot } = this.#options;
    signaling.state({ case: 'update', value: { ...this.#named, video, held } }).then(snapshot, () => {
      // The roster's next news, or the next connection, shows that it was lost; then it is said again.
    });
  }

  decline(busy: boolean): void {
    void this.#say({ case: 'decline', value: { ...this.#named, busy } });
  }

  hangUp(): void {
    const { messages, call } = this.#options;
    const left = call();
    // A server that lost the call cannot tell the other; an encrypted message can.
    if (left.forgotten) messages.tellOver(left);
    else void this.#say({ case: 'hangUp', value: this.#named }, () => messages.tellOver(left));
  }

  /** The other device's word that it is over; signaling may not have heard of it. */
  passOnEnd(): void {
    void this.#say({ case: 'hangUp', value: this.#named });
  }

  /** How good it was: said once it is over, beside the last word. */
  quality(report: SummaryReport): void {
    const { signaling, call } = this.#options;
    const body = { case: 'qualityReport', value: qualityFrame(call().callId, report) } as const;
    this.#waitFor(signaling.request(body, 'done').catch(() => {}));
  }

  get #named() {
    return { callId: this.#options.call().callId };
  }

  /** The call is over here whether or not it is heard; only the socket waits for it. */
  #say(body: Parameters<SignalingClient['request']>[0], otherwise?: () => void): Promise<void> {
    const said = this.#options.signaling.request(body, 'done').then(
      () => {},
      () => otherwise?.(),
    );
    this.#waitFor(said);
    return said;
  }

  #waitFor(word: Promise<unknown>): void {
    this.#lastWord = Promise.all([this.#lastWord, word]).then(() => {});
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
