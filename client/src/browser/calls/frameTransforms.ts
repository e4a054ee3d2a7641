// The page's end of the frame worker: one for each room.
import type { FrameKeyStore } from '../../calls/frameKeys.ts';
import type { FrameCounters, FromWorker, ToWorker, TransformOptions } from './frameMessages.ts';
import { MediaError } from './mediaWords.ts';

export interface FrameTransformsOptions {
  readonly keys: FrameKeyStore;
  flows(participant: number): void;
  forget(participant: number): void;
  needsKeyFrame(consumerId: string): void;
}

export class FrameTransforms {
  readonly #worker: Worker;
  readonly #stopKeys: () => void;
  counters: FrameCounters = { framesSealed: 0, framesOpened: 0, framesDropped: 0 };

  /** @throws MediaError where the browser cannot encrypt frames: no call is better than an open one. */
  constructor({ keys, flows, forget, needsKeyFrame }: FrameTransformsOptions) {
    if (typeof RTCRtpScriptTransform === 'undefined') {
      throw new MediaError('this browser is too old for encrypted group calls.');
    }
    this.#worker = new Worker(new URL('./sframeWorker.ts', import.meta.url), { type: 'module' });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.type === 'flows') flows(data.participant);
      else if (data.type === 'needs-key-frame') needsKeyFrame(data.consumerId);
      else this.counters = data.counters;
    };
    const tell = (message: ToWorker) => this.#worker.postMessage(message);
    this.#stopKeys = keys.subscribe({
      sending: (kid, key) => tell({ type: 'sending', kid, key }),
      receiving: (kid, key) => tell({ type: 'receiving', kid, key }),
      forget: (participant) => {
        tell({ type: 'forget', participant });
        forget(participant);
      },
    });
  }

  /** Before the first frame: from then on nothing passes it unsealed. */
  attach(end: RTCRtpSender | RTCRtpReceiver, options: TransformOptions): void {
    end.transform = new RTCRtpScriptTransform(this.#worker, options);
  }

  close(): void {
    this.#stopKeys();
    this.#worker.terminate();
  }
}
