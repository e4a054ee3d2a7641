// Seals and opens every frame of a room (W3C WebRTC Encoded Transform; RFC 9605)
// off the page's thread. A frame that cannot be sealed is never sent, and one
// that does not open is never played.
import { openEncodedFrame, SFrameReceiver, SFrameSender, sealEncodedFrame } from '../../sframe/index.ts';
import type { FrameCounters, FromWorker, ToWorker, TransformOptions } from './frameMessages.ts';

/** How often the counters are told. */
const COUNTERS_EVERY_MS = 500;
/** Between two requests for a key frame of one track; a key frame costs its sender many delta frames. */
const KEY_FRAME_EVERY_MS = 500;

/** The part of RTCEncodedVideoFrame and RTCEncodedAudioFrame that is used. */
interface Frame {
  data: ArrayBuffer;
  readonly type?: 'key' | 'delta' | 'empty';
}

interface Transformer {
  readonly readable: ReadableStream<Frame>;
  readonly writable: WritableStream<Frame>;
  readonly options: TransformOptions;
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
  onrtctransform: ((event: { readonly transformer: Transformer }) => void) | null;
  postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as WorkerScope;
const receiver = new SFrameReceiver();
const flowing = new Set<number>();
const counters = { framesSealed: 0, framesOpened: 0, framesDropped: 0 } satisfies {
  -readonly [K in keyof FrameCounters]: number;
};
let sender: SFrameSender | undefined;
let keys: Promise<unknown> = Promise.resolve();

scope.onmessage = ({ data }) => {
  // One after the other: a later key must not be overtaken by an earlier one.
  keys = keys.then(async () => {
    if (data.type === 'receiving') await receiver.setKey(data.kid, data.key);
    else if (data.type === 'forget') {
      receiver.removeParticipant(data.participant);
      flowing.delete(data.participant);
    } else if (sender) await sender.setKey(data.kid, data.key);
    else sender = await SFrameSender.create({ kid: data.kid, baseKey: data.key });
  });
};

scope.onrtctransform = ({ transformer }) => {
  const { readable, writable, options } = transformer;
  const transform = options.role === 'send' ? sealing(options) : opening(options);
  readable
    .pipeThrough(new TransformStream<Frame, Frame>({ transform }))
    .pipeTo(writable)
    // The track has ended.
    .catch(() => {});
};

type Transform = (frame: Frame, controller: TransformStreamDefaultController<Frame>) => Promise<void>;

function sealing(options: TransformOptions): Transform {
  return async (frame, controller) => {
    if (!sender) {
      counters.framesDropped++;
      return;
    }
    try {
      frame.data = await sealEncodedFrame(sender, frame, options);
      controller.enqueue(frame);
      counters.framesSealed++;
    } catch {
      counters.framesDropped++;
    }
  };
}

function opening(options: TransformOptions): Transform {
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let isBroken = false;
  return async (frame, controller) => {
    // An empty frame carries no picture; comfort noise and probes come so.
    if (frame.data.byteLength === 0) return;
    try {
      frame.data = await openEncodedFrame(receiver, frame, options);
      controller.enqueue(frame);
      counters.framesOpened++;
      if (!flowing.has(options.participant)) {
        flowing.add(options.participant);
        scope.postMessage({ type: 'flows', participant: options.participant });
      }
      if (frame.type === 'key') isBroken = false;
    } catch {
      counters.framesDropped++;
      if (options.kind === 'video') isBroken = true;
      return;
    }
    // A delta frame opens, but what it builds on was lost.
    const now = performance.now();
    if (isBroken && now - askedAtMs > KEY_FRAME_EVERY_MS) {
      askedAtMs = now;
      scope.postMessage({ type: 'needs-key-frame', consumerId: options.consumerId });
    }
  };
}

setInterval(() => scope.postMessage({ type: 'counters', counters: { ...counters } }), COUNTERS_EVERY_MS);
