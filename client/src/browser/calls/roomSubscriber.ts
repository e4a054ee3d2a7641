// What this device takes from a room: a consumer for each producer of everyone
// whom the roster names, and of each picture the size that is worth its bits.
import {
  MediaSource,
  type ProducerInfo,
  type SfuClientFrameSchema,
  type SfuServerFrameSchema,
} from '@carillon/protocol';
import type { Consumer, RtpParameters, Transport } from 'mediasoup-client/types';
import type { RemoteMedia } from '../../calls/engine.ts';
import type { FrameSocket } from '../../connection/frameSocket.ts';
import type { FrameTransforms } from './frameTransforms.ts';

/** With so few others each tile is large. */
const LARGE_TILES_MAX = 2;
const LAYER_HIGH = 2;
const LAYER_MIDDLE = 1;
const TEMPORAL_LAYER_MAX = 2;
/** Audio level, 0 to 1, above which someone speaks; read this often. */
const SPEAKING_LEVEL = 0.02;
const LEVELS_EVERY_MS = 300;

export interface SubscriberEvents {
  remote(media: ReadonlyMap<number, RemoteMedia>): void;
}

export interface RoomSubscriberOptions {
  readonly transport: Transport;
  readonly socket: FrameSocket<typeof SfuClientFrameSchema, typeof SfuServerFrameSchema>;
  readonly transforms: FrameTransforms;
  readonly events: SubscriberEvents;
}

interface Subscription {
  info: ProducerInfo;
  readonly number: number;
  consumer?: Consumer;
  layer?: number;
}

interface Streams {
  readonly stream: MediaStream;
  readonly screen: MediaStream;
}

export class RoomSubscriber {
  readonly #options: RoomSubscriberOptions;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #streams = new Map<number, Streams>();
  readonly #levels: ReturnType<typeof setInterval>;
  #members: ReadonlySet<number> = new Set();
  #speaking: ReadonlySet<number> = new Set();
  #activeSpeaker = 0;
  #closed = false;

  constructor(options: RoomSubscriberOptions) {
    this.#options = options;
    this.#levels = setInterval(() => this.#readLevels(), LEVELS_EVERY_MS);
  }

  setMembers(members: ReadonlySet<number>): void {
    this.#members = members;
    for (const [producerId, { number }] of this.#subscriptions) {
      if (members.has(number)) void this.#subscribe(producerId);
      else this.#drop(producerId);
    }
    for (const number of [...this.#streams.keys()]) if (!members.has(number)) this.#streams.delete(number);
    this.#chooseLayers();
    this.#tell();
  }

  /** New, or paused or resumed. */
  added(info: ProducerInfo): void {
    const known = this.#subscriptions.get(info.producerId);
    if (known) known.info = info;
    else {
      this.#subscriptions.set(info.producerId, { info, number: info.member?.number ?? 0 });
      void this.#subscribe(info.producerId);
    }
    this.#tell();
  }

  removed(producerId: string): void {
    this.#drop(producerId);
    this.#subscriptions.delete(producerId);
    this.#tell();
  }

  speaks(number: number): void {
    this.#activeSpeaker = number;
    this.#chooseLayers();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#levels);
  }

  async #subscribe(producerId: string): Promise<void> {
    const { transport, socket, transforms } = this.#options;
    const subscription = this.#subscriptions.get(producerId);
    // Whom the roster does not name (yet) is not heard.
    if (!subscription || subscription.consumer || !this.#members.has(subscription.number)) return;
    const { number: participant, info } = subscription;
    try {
      const value = { transportId: transport.id, producerId };
      const consumed = await socket.request({ case: 'consume', value }, 'consumed');
      const kind = consumed.kind === 'audio' ? 'audio' : 'video';
      const { consumerId } = consumed;
      const consumer = await transport.consume({
        id: consumerId,
        producerId,
        kind,
        rtpParameters: JSON.parse(consumed.rtpParametersJson) as RtpParameters,
        // Audio and video of one stream are played in step; screens stand alone.
        streamId: `${participant}-${info.source === MediaSource.SCREEN ? 'screen' : 'person'}`,
        onRtpReceiver: (receiver) =>
          transforms.attach(receiver, { role: 'receive', kind, source: info.source, participant, consumerId }),
      });
      if (this.#closed || this.#subscriptions.get(producerId) !== subscription) {
        consumer.close();
        return;
      }
      subscription.consumer = consumer;
      const { stream, screen } = this.#streamsOf(participant);
      (info.source === MediaSource.SCREEN ? screen : stream).addTrack(consumer.track);
      await socket.request({ case: 'resumeConsumer', value: { consumerId } }, 'done');
      this.#chooseLayers();
      this.#tell();
    } catch {
      // The producer went away meanwhile, or the connection did: both are told elsewhere.
    }
  }

  #drop(producerId: string): void {
    const subscription = this.#subscriptions.get(producerId);
    const consumer = subscription?.consumer;
    if (!subscription || !consumer) return;
    delete subscription.consumer;
    const streams = this.#streams.get(subscription.number);
    streams?.stream.removeTrack(consumer.track);
    streams?.screen.removeTrack(consumer.track);
    consumer.close();
    const value = { consumerId: consumer.id };
    this.#options.socket.request({ case: 'closeConsumer', value }, 'done').catch(() => {});
  }

  #streamsOf(number: number): Streams {
    let streams = this.#streams.get(number);
    if (!streams) {
      streams = { stream: new MediaStream(), screen: new MediaStream() };
      this.#streams.set(number, streams);
    }
    return streams;
  }

  #chooseLayers(): void {
    for (const subscription of this.#subscriptions.values()) {
      const { consumer, number, info } = subscription;
      if (consumer?.kind !== 'video' || info.source !== MediaSource.CAMERA) continue;
      const isLarge = this.#members.size <= LARGE_TILES_MAX || number === this.#activeSpeaker;
      const layer = isLarge ? LAYER_HIGH : LAYER_MIDDLE;
      if (subscription.layer === layer) continue;
      subscription.layer = layer;
      const value = { consumerId: consumer.id, spatialLayer: layer, temporalLayer: TEMPORAL_LAYER_MAX };
      this.#options.socket.request({ case: 'setPreferredLayers', value }, 'done').catch(() => {});
    }
  }

  #readLevels(): void {
    const speaking = new Set<number>();
    for (const { consumer, number, info } of this.#subscriptions.values()) {
      if (consumer?.kind !== 'audio' || info.paused) continue;
      // From the RTP header extension (RFC 6464), which frame encryption leaves alone.
      const level = consumer.rtpReceiver?.getSynchronizationSources()[0]?.audioLevel ?? 0;
      if (level > SPEAKING_LEVEL) speaking.add(number);
    }
    const same = speaking.size === this.#speaking.size && [...speaking].every((number) => this.#speaking.has(number));
    this.#speaking = speaking;
    if (!same) this.#tell();
  }

  #tell(): void {
    if (this.#closed) return;
    const media = new Map<number, RemoteMedia>();
    for (const number of this.#members) {
      const theirs = [...this.#subscriptions.values()].filter((subscription) => subscription.number === number);
      const isOn = (source: MediaSource) => theirs.some(({ info }) => info.source === source && !info.paused);
      const streams = this.#streams.get(number);
      media.set(number, {
        stream: streams && streams.stream.getTracks().length > 0 ? streams.stream : undefined,
        screen: streams && streams.screen.getTracks().length > 0 ? streams.screen : undefined,
        microphoneOn: isOn(MediaSource.MICROPHONE),
        cameraOn: isOn(MediaSource.CAMERA),
        videoPaused: false,
        speaking: this.#speaking.has(number),
      });
    }
    this.#options.events.remote(media);
  }
}
