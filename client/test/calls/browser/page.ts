// Runs in each page of browser.test.ts: the calls half of the SDK as an app
// holds it, driven from outside.
import { nobleProvider } from '@carillon/messaging-core/e2ee';
import type { AccountId, CallId } from '@carillon/protocol';
import type { CallsApi, CallsFactory } from '../../../src/api.ts';
import { createBrowserCalls } from '../../../src/browser/calls/index.ts';
import { IdbStore } from '../../../src/browser/idbStore.ts';
import type { CallView, Notice } from '../../../src/model.ts';
import type { Platform } from '../../../src/ports.ts';
import { type Delivery, type TestAccount, TestChannel } from '../contentHub.ts';

export interface Opening {
  readonly self: TestAccount;
  readonly contacts: readonly TestAccount[];
  readonly relayOnly?: boolean;
}

/** A call view without what cannot leave the page. */
export interface Seen {
  readonly callId: CallId;
  readonly phase: CallView['phase'];
  readonly mode: CallView['mode'];
  readonly words: string;
  readonly endReason: CallView['endReason'];
  readonly quality: number;
  readonly linkWords: string | undefined;
  readonly others: readonly {
    readonly name: string;
    readonly state: string;
    readonly microphoneOn: boolean;
    readonly cameraOn: boolean;
    readonly hasScreen: boolean;
    readonly frames: number;
    readonly screenFrames: number;
  }[];
}

export interface Marks {
  readonly [what: string]: number;
}

let calls: ReturnType<CallsFactory>;
let channel: TestChannel;
let view: CallView | undefined;
let marks: Record<string, number> = {};
const notices: Notice[] = [];
const players = new Map<unknown, HTMLVideoElement>();

function player(stream: unknown): HTMLVideoElement | undefined {
  if (!(stream instanceof MediaStream)) return undefined;
  let video = players.get(stream);
  if (!video) {
    video = document.createElement('video');
    video.autoplay = true;
    video.srcObject = stream;
    document.body.append(video);
    players.set(stream, video);
  }
  return video;
}

const framesOf = (stream: unknown) => player(stream)?.getVideoPlaybackQuality().totalVideoFrames ?? 0;

function mark(what: string): void {
  marks[what] ??= performance.now();
}

async function inbound(kind: string): Promise<Record<string, number>[]> {
  const entries = await calls.stats();
  return entries.filter((entry) => entry.type === 'inbound-rtp' && entry.kind === kind) as Record<string, number>[];
}

export const page = {
  async open({ self, contacts, relayOnly }: Opening): Promise<void> {
    const hub = window as unknown as { hubSend(delivery: Delivery): void };
    channel = new TestChannel(self, contacts, (delivery) => hub.hubSend(delivery));
    const platform: Platform = {
      crypto: nobleProvider,
      store: await IdbStore.open('calls'),
      prepare: () => Promise.reject(new Error('no media here')),
      WebSocket,
      fetch: fetch.bind(window),
      now: Date.now,
    };
    const factory = createBrowserCalls(relayOnly ? { iceTransportPolicy: 'relay' } : {});
    calls = factory({
      channel,
      baseUrl: location.origin,
      platform,
      emit: (call) => {
        view = call;
        mark(call.phase);
        for (const other of call.others) if (other.stream) player(other.stream);
      },
      notice: (notice) => notices.push(notice),
    });
    // How soon media comes is measured where it arrives.
    setInterval(async () => {
      if (!calls.current) return;
      const [audio, video] = await Promise.all([inbound('audio'), inbound('video')]);
      if (audio.some((entry) => (entry.packetsReceived ?? 0) > 0)) mark('audio');
      if (video.some((entry) => (entry.framesDecoded ?? 0) > 0)) mark('video');
    }, 20);
  },
  deliver: (delivery: Delivery) => channel.deliver(delivery),
  async start(to: AccountId[], video: boolean): Promise<CallId> {
    marks = {};
    mark('start');
    return (await calls.start(to, { video })).callId;
  },
  async accept(video: boolean): Promise<void> {
    marks = {};
    mark('accept');
    await calls.accept(calls.current!.callId, { video });
  },
  call<Name extends keyof CallsApi>(name: Name, ...args: unknown[]): unknown {
    return (calls[name] as unknown as (...given: unknown[]) => unknown).apply(calls, args);
  },
  seen(): Seen | undefined {
    if (!view) return undefined;
    const { callId, phase, mode, words, endReason, quality, linkWords } = view;
    const others = view.others.map(({ contact, state, microphoneOn, cameraOn, stream, screen }) => ({
      ...{ name: contact.name, state, microphoneOn, cameraOn, hasScreen: screen !== undefined },
      frames: framesOf(stream),
      screenFrames: framesOf(screen),
    }));
    return { callId, phase, mode, words, endReason, quality, linkWords, others };
  },
  stats: () => calls.stats(),
  marks: (): Marks => marks,
  notices: () => notices,
  recorded: () => channel.recorded,
};

export type CallPage = typeof page;
(window as unknown as { page: CallPage }).page = page;
