// This device's microphone, camera and screen in one call: perhaps still being
// opened, held and taken back, and at its end closed or given to another call.
import type { LocalMedia } from './engine.ts';

/** A call need not wait for its microphone. */
export type OpeningMedia = LocalMedia | Promise<LocalMedia>;

/** It is for no call any more. */
export function letGo(opening: OpeningMedia | undefined): void {
  void Promise.resolve(opening).then(
    (media) => media?.close(),
    () => {},
  );
}

export interface CallMediaOptions {
  opened(media: LocalMedia): void;
  /** Whatever is on or off. */
  changed(): void;
  /** There is none, in words: no call without. */
  failed(words: string): void;
  /** Something is missing after a hold, in words: the call goes on. */
  lacks(words: string): void;
}

export class CallMedia {
  readonly #options: CallMediaOptions;
  #opening: OpeningMedia | undefined;
  #media: LocalMedia | undefined;
  #stop = () => {};
  #isHeld = false;
  #isClosed = false;

  constructor(options: CallMediaOptions) {
    this.#options = options;
  }

  /** Undefined while it is not open. */
  get now(): LocalMedia | undefined {
    return this.#media;
  }

  /** Once it is open; undefined when it never will be. */
  async ready(): Promise<LocalMedia | undefined> {
    return await Promise.resolve(this.#opening).catch(() => undefined);
  }

  /** Resolves when it is decided whether it opens. */
  async use(opening: OpeningMedia): Promise<void> {
    this.#opening = opening;
    try {
      const media = opening instanceof Promise ? await opening : opening;
      if (this.#opening !== opening) return;
      if (this.#isClosed) media.close();
      else this.#take(media);
    } catch (error) {
      if (this.#opening === opening && !this.#isClosed) this.#options.failed(wordsOf(error));
    }
  }

  hold(on: boolean): void {
    this.#isHeld = on;
    this.#media?.setHeld(on).catch((error) => this.#options.lacks(wordsOf(error)));
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
    this.#media?.close();
    this.#media = undefined;
  }

  /** To another call, even if it is not open yet; this one is done with it. */
  giveAway(): OpeningMedia | undefined {
    const opening = this.#opening;
    this.#opening = undefined;
    this.#media = undefined;
    this.#stop();
    return opening;
  }

  #take(media: LocalMedia): void {
    this.#media = media;
    this.#stop = media.onChange(() => this.#options.changed());
    this.#options.opened(media);
    if (this.#isHeld) this.hold(true);
    this.#options.changed();
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
