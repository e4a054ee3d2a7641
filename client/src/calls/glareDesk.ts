// Two who call each other: one of the two calls goes on, and the microphone that
// was opened for the other goes on into it.
import type { AccountId } from '@carillon/protocol';
import type { RunningCall } from './call.ts';
import { letGo, type OpeningMedia } from './callMedia.ts';

/** How long the microphone of a call lost by glare waits for the other's invite. */
const GLARE_WAIT_MS = 5_000;

export interface GlareDeskOptions {
  /** Theirs is accepted with the media of ours. False: there is no place for it. */
  takeOver(running: RunningCall, media: OpeningMedia): boolean;
  /** It is a ring like any other. */
  show(running: RunningCall): void;
}

export class GlareDesk {
  readonly #options: GlareDeskOptions;
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

  constructor(options: GlareDeskOptions) {
    this.#options = options;
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
    if (running) queueMicrotask(() => this.answer(running) || this.#options.show(running));
  }

  /** Theirs rings, and ours is still up. False: another of theirs, from another device, was first. */
  wait(running: RunningCall): boolean {
    if (this.#ringing?.state.phase === 'ringing-in') return false;
    this.#ringing = running;
    return true;
  }

  /** The one that rings unseen, which is nobody's here any more. */
  takeRinging(): RunningCall | undefined {
    const running = this.#ringing;
    this.#ringing = undefined;
    return running?.state.phase === 'ringing-in' ? running : undefined;
  }

  /** Theirs is here, ours is lost. False: it is to be shown like any other. */
  answer(running: RunningCall): boolean {
    const media = this.#lost?.media;
    if (running.state.phase !== 'ringing-in' || !media) return false;
    clearTimeout(this.#lost?.timer);
    this.#lost = undefined;
    if (this.#options.takeOver(running, media)) return true;
    letGo(media);
    return false;
  }

  /** The microphone waits no longer. */
  close(): void {
    clearTimeout(this.#lost?.timer);
    letGo(this.#lost?.media);
    this.#lost = undefined;
  }
}
