// Two who call each other: one of the two calls goes on, and the microphone that
// was opened for the other goes on into it.
import type { AccountId } from '@carillon/protocol';
import type { RunningCall } from './call.ts';
import type { OpeningMedia } from './callMedia.ts';

/** How long the microphone of a call lost by glare waits for the other's invite. */
const GLARE_WAIT_MS = 5_000;

export class GlareDesk {
  readonly #takeOver: (running: RunningCall, media: OpeningMedia) => void;
  /** Our own call to this account was lost: theirs is accepted with this media. */
  #lost:
    | {
        readonly account: AccountId;
        readonly media: OpeningMedia | undefined;
        readonly timer: ReturnType<typeof setTimeout>;
      }
    | undefined;
  /** Rings, unseen, while our own call to the same account is still up: one of the two will end. */
  #ringing: RunningCall | undefined;

  constructor(takeOver: (running: RunningCall, media: OpeningMedia) => void) {
    this.#takeOver = takeOver;
  }

  /** Unseen, so that nobody else counts it among the calls. */
  get ringing(): RunningCall | undefined {
    return this.#ringing;
  }

  awaits(account: AccountId): boolean {
    return this.#lost?.account === account;
  }

  /** Our call is lost to one of theirs. */
  lose(account: AccountId, media: OpeningMedia | undefined): void {
    this.close();
    this.#lost = { account, media, timer: setTimeout(() => this.close(), GLARE_WAIT_MS) };
    const running = this.takeRinging();
    // After the present dispatch: the lost call still has to leave its place.
    if (running) queueMicrotask(() => this.answer(running));
  }

  /** Theirs rings, and ours is still up. */
  wait(running: RunningCall): void {
    this.#ringing = running;
  }

  /** The one that rings unseen, which is nobody's here any more. */
  takeRinging(): RunningCall | undefined {
    const running = this.#ringing;
    this.#ringing = undefined;
    return running?.state.phase === 'ringing-in' ? running : undefined;
  }

  /** Theirs is here, ours is lost. */
  answer(running: RunningCall): void {
    const media = this.#lost?.media;
    if (running.state.phase !== 'ringing-in' || !media) return;
    clearTimeout(this.#lost?.timer);
    this.#lost = undefined;
    this.#takeOver(running, media);
  }

  /** The microphone waits no longer. */
  close(): void {
    clearTimeout(this.#lost?.timer);
    void Promise.resolve(this.#lost?.media).then(
      (media) => media?.close(),
      () => {},
    );
    this.#lost = undefined;
  }
}
