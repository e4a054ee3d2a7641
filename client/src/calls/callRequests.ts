// What a call asks of signaling and tells it, and what becomes of it: the answer
// is an event of the call, or a last word that only its socket waits for.
import {
  type AccountId,
  ProtocolError,
  type SignalingClientFrameSchema,
  type SignalingServerFrameSchema,
} from '@carillon/protocol';
import type { BodyInit, Case, Value } from '../connection/frameSocket.ts';
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

type Asked = BodyInit<typeof SignalingClientFrameSchema>;
type Answer<Reply extends Case<typeof SignalingServerFrameSchema>> = Value<typeof SignalingServerFrameSchema, Reply>;

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
    const { messages, call, dispatch } = this.#options;
    const { callId, video } = call();
    messages.invite(call, callees).catch((error) => dispatch({ type: 'media-failed', words: wordsOf(error) }));
    try {
      const value = { callId, calleeAccountIds: [...callees], video, room };
      await this.#enter({ case: 'create', value }, true);
    } catch (error) {
      dispatch({ type: 'refused', words: wordsOf(error) });
    }
  }

  /** It rings here. False: it is over. */
  async ring(): Promise<boolean> {
    const { call, snapshot } = this.#options;
    await this.#announce({ case: 'ring', value: this.#named }, 'state', (roster) => snapshot(snapshotOf(roster)));
    return call().phase === 'ringing-in';
  }

  /** It cannot ring here: another call is in the way. */
  async refuseBusy(): Promise<void> {
    const { call, dispatch } = this.#options;
    await this.#announce({ case: 'decline', value: { ...this.#named, busy: true } }, 'done', () =>
      dispatch({ type: 'ended', reason: 'busy', by: call().self.accountId }),
    );
  }

  /** Said until it is heard or the call does not ring any more, since signaling may not know of it yet. */
  async #announce<Reply extends 'state' | 'done'>(
    body: Asked,
    reply: Reply,
    heard: (answer: Answer<Reply>) => void,
  ): Promise<void> {
    const { signaling, call } = this.#options;
    try {
      heard(await signaling.requestInvited(body, reply, () => call().phase === 'ringing-in'));
    } catch (error) {
      this.#refused(error);
    }
  }

  /** @throws ProtocolError */
  async invite(accounts: readonly AccountId[]): Promise<void> {
    const { signaling, messages, call, snapshot } = this.#options;
    const value = { ...this.#named, accountIds: [...accounts] };
    snapshot(await signaling.state({ case: 'invite', value }));
    await messages.invite(call, accounts);
  }

  async accept(): Promise<void> {
    try {
      await this.#enter({ case: 'accept', value: this.#named });
    } catch (error) {
      this.#refused(error);
    }
  }

  /** What this device was asked into is not its to answer. */
  #refused(error: unknown): void {
    const { call, dispatch } = this.#options;
    const { self, createdBy } = call();
    switch (error instanceof ProtocolError ? error.code : undefined) {
      case 'answered-elsewhere':
        dispatch({ type: 'ended', reason: 'accepted-elsewhere', by: self.accountId });
        break;
      // Its account has said no, or is out of it again.
      case 'call-state':
        dispatch({ type: 'ended', reason: 'declined-elsewhere', by: self.accountId });
        break;
      // The server also says why it is over; whichever comes first ends it.
      case 'call-unknown':
        dispatch({ type: 'ended', reason: 'cancelled', by: createdBy });
        break;
      default:
        dispatch({ type: 'refused', words: wordsOf(error) });
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
    void this.#leave();
  }

  /** How good it was: said once it is over, beside the last word. */
  quality(report: SummaryReport): void {
    const { signaling, call } = this.#options;
    const body = { case: 'qualityReport', value: qualityFrame(call().callId, report) } as const;
    this.#waitFor(signaling.request(body, 'done').catch(() => {}));
  }

  /**
   * Asks for this device's place in the call. The answer is waited for as a last word is: a call that is over here by
   * then is left at once, whatever became of the request, for nobody is to wait for this device, nor be rung by it.
   * @throws ProtocolError when it is refused
   */
  async #enter(body: Asked, early = false): Promise<void> {
    const { signaling, snapshot } = this.#options;
    const asked = signaling.state(body, { early, isWanted: () => !this.#isOver });
    const entered = asked.then(
      (granted) => (this.#isOver ? this.#leave() : snapshot(granted)),
      (error: unknown) => {
        if (!this.#isOver) throw error;
        return this.#leave();
      },
    );
    this.#waitFor(entered.catch(() => {}));
    await entered;
  }

  #leave(): Promise<void> {
    return this.#say({ case: 'hangUp', value: this.#named });
  }

  get #isOver(): boolean {
    return this.#options.call().phase === 'ended';
  }

  get #named() {
    return { callId: this.#options.call().callId };
  }

  /** The call is over here whether or not it is heard; only the socket waits for it. */
  #say(body: Asked, otherwise?: () => void): Promise<void> {
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
