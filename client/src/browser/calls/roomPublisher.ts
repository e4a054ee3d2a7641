// What this device sends into a room: a producer for each source, made when it
// is first turned on, paused while it is off, so that the others see which is.
import { MediaSource, type SfuClientFrameSchema, type SfuServerFrameSchema } from '@carillon/protocol';
import type { Producer, RtpCodecCapability, Transport } from 'mediasoup-client/types';
import { SOURCES, type Source } from '../../calls/engine.ts';
import type { FrameSocket } from '../../connection/frameSocket.ts';
import type { BrowserMedia } from './browserMedia.ts';
import { cameraEncodings, SCREEN_ENCODINGS } from './encodings.ts';
import type { FrameTransforms } from './frameTransforms.ts';

export const WIRE_SOURCES: Readonly<Record<Source, MediaSource>> = {
  microphone: MediaSource.MICROPHONE,
  camera: MediaSource.CAMERA,
  screen: MediaSource.SCREEN,
};

export interface RoomPublisherOptions {
  readonly transport: Transport;
  readonly socket: FrameSocket<typeof SfuClientFrameSchema, typeof SfuServerFrameSchema>;
  readonly media: BrowserMedia;
  readonly transforms: FrameTransforms;
  /** The frame encryption knows the shape of VP8's frames. */
  readonly vp8: RtpCodecCapability | undefined;
}

export class RoomPublisher {
  readonly #options: RoomPublisherOptions;
  readonly #producers: Partial<Record<Source, Producer>> = {};
  readonly #stop: () => void;
  #work: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(options: RoomPublisherOptions) {
    this.#options = options;
    this.#stop = options.media.onChange(() => this.#follow());
    this.#follow();
  }

  close(): void {
    this.#closed = true;
    this.#stop();
  }

  #follow(): void {
    for (const source of SOURCES) {
      this.#work = this.#work.then(async () => {
        if (this.#closed) return;
        // A lost connection ends the session by itself; one refused source leaves the others.
        await this.#publish(source).catch(() => {});
      });
    }
  }

  async #publish(source: Source): Promise<void> {
    const { media, transport, socket } = this.#options;
    const track = media.track(source);
    const producer = this.#producers[source];
    if (!producer) {
      if (track) this.#producers[source] = await this.#produce(transport, source, track);
      if (track && !track.enabled) await this.#pause(source);
      return;
    }
    if (source === 'screen' && !track) {
      delete this.#producers.screen;
      producer.close();
      await socket.request({ case: 'closeProducer', value: { producerId: producer.id } }, 'done');
      return;
    }
    if (producer.track !== (track ?? null)) await producer.replaceTrack({ track: track ?? null });
    const isOn = track?.enabled ?? false;
    if (isOn && producer.paused) {
      producer.resume();
      await socket.request({ case: 'resumeProducer', value: { producerId: producer.id } }, 'done');
    } else if (!isOn && !producer.paused) {
      await this.#pause(source);
    }
  }

  async #pause(source: Source): Promise<void> {
    const producer = this.#producers[source];
    if (!producer) return;
    producer.pause();
    await this.#options.socket.request({ case: 'pauseProducer', value: { producerId: producer.id } }, 'done');
  }

  #produce(transport: Transport, source: Source, track: MediaStreamTrack): Promise<Producer> {
    const { transforms, vp8 } = this.#options;
    const kind = source === 'microphone' ? 'audio' : 'video';
    const wire = WIRE_SOURCES[source];
    const encodings =
      source === 'camera'
        ? cameraEncodings(track.getSettings().width ?? 0)
        : source === 'screen'
          ? [...SCREEN_ENCODINGS]
          : undefined;
    return transport.produce({
      track,
      // The track belongs to BrowserMedia, which also decides whether it is enabled.
      stopTracks: false,
      disableTrackOnPause: false,
      appData: { source: wire },
      ...(encodings ? { encodings } : {}),
      ...(kind === 'video' && vp8 ? { codec: vp8 } : {}),
      ...(kind === 'audio' ? { codecOptions: { opusFec: true, opusDtx: false } } : {}),
      onRtpSender: (sender) =>
        transforms.attach(sender, { role: 'send', kind, source: wire, participant: 0, consumerId: '' }),
    });
  }
}
