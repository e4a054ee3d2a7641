// One room's router and everything on it. The adapter keeps mediasoup's objects
// by id; who may use which is the core's business.
import { ProtocolError } from '@carillon/protocol';
import { errors, ortc, type types } from 'mediasoup';
import type { MediaCommand, Source } from '../core/roomTypes.ts';
import type { ConsumerOffer, MediaTap, RoomMedia, RoomMediaEvents, TransportOffer } from './mediaEngine.ts';
import { tapProducer } from './mediasoupTap.ts';

/**
 * Frames are encrypted by the sender (SFrame), so the router must be able to
 * forward what it cannot read. Opus needs no look inside. VP8 carries layers and
 * picture ids in its payload descriptor (RFC 7741 §4.2), which the packetizer
 * writes around the encrypted frame; only the first byte of the frame itself
 * tells key frames, and the SDK leaves VP8's own header in the clear. H264 is
 * packetized by its content, and VP9 and AV1 need descriptors that differ by
 * browser: they are not offered.
 */
export const ROUTER_CODECS: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000, channels: 2, parameters: { useinbandfec: 1, usedtx: 1 } },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90_000 },
];

/** What a receiver is first thought to take. Higher shows a sharp picture at once and stalls thin lines. */
const INITIAL_OUTGOING_BITS_PER_SECOND = 1_000_000;
/** What a sender is asked to stay below (REMB, transport-cc): three layers and a shared screen. */
const INCOMING_BITS_PER_SECOND_MAX = 6_000_000;
/** Key frames are large: however many receivers ask, a sender makes at most one in this time. */
const KEY_FRAME_REQUEST_DELAY_MS = 500;
/** Louder than this, in dBov (RFC 6464), is speech and not a room's hum. */
const SPEECH_THRESHOLD_DBOV = -55;
/** mediasoup wants ten packets of 20 ms in an interval; shorter follows faster and is nervous. */
const SPEECH_INTERVAL_MS = 400;

export interface MediasoupRoomOptions {
  readonly router: types.Router;
  readonly server: types.WebRtcServer;
  readonly announced: readonly string[];
  readonly events: RoomMediaEvents;
  readonly tap?: MediaTap;
  /** mediasoup can build no more messages for this worker: only a new one helps. */
  readonly onBroken: () => void;
}

export class MediasoupRoom implements RoomMedia {
  readonly #options: MediasoupRoomOptions;
  readonly #levels: types.AudioLevelObserver;
  readonly #tapTransport: types.DirectTransport | undefined;
  readonly #transports = new Map<string, types.WebRtcTransport>();
  readonly #producers = new Map<string, types.Producer>();
  readonly #consumers = new Map<string, types.Consumer>();

  private constructor(
    options: MediasoupRoomOptions,
    levels: types.AudioLevelObserver,
    tapTransport: types.DirectTransport | undefined,
  ) {
    this.#options = options;
    this.#levels = levels;
    this.#tapTransport = tapTransport;
    options.router.on('workerclose', () => options.events.lost());
  }

  static async open(options: MediasoupRoomOptions): Promise<MediasoupRoom> {
    const { router, events, tap } = options;
    try {
      // It reads the audio level from the RTP header extension (RFC 6464), which
      // the senders' frame encryption leaves as it is.
      const levels = await router.createAudioLevelObserver({
        maxEntries: 1,
        threshold: SPEECH_THRESHOLD_DBOV,
        interval: SPEECH_INTERVAL_MS,
      });
      levels.on('volumes', ([first]) => events.loudest(first?.producer.id));
      levels.on('silence', () => events.loudest(undefined));
      const tapTransport = tap ? await router.createDirectTransport() : undefined;
      return new MediasoupRoom(options, levels, tapTransport);
    } catch (cause) {
      router.close();
      throw new ProtocolError('sfu-unavailable', { cause });
    }
  }

  get rtpCapabilities(): unknown {
    return this.#options.router.rtpCapabilities;
  }

  async openTransport(): Promise<TransportOffer> {
    const { router, server, announced } = this.#options;
    const transport = await this.#guarded(() =>
      router.createWebRtcTransport({
        webRtcServer: server,
        enableUdp: true,
        enableTcp: true,
        preferUdp: true,
        initialAvailableOutgoingBitrate: INITIAL_OUTGOING_BITS_PER_SECOND,
      }),
    );
    this.#transports.set(transport.id, transport);
    transport.observer.on('close', () => this.#transports.delete(transport.id));
    await this.#guarded(() => transport.setMaxIncomingBitrate(INCOMING_BITS_PER_SECOND_MAX));
    const { id, iceParameters, dtlsParameters } = transport;
    return { id, iceParameters, dtlsParameters, iceCandidates: announce(transport.iceCandidates, announced) };
  }

  async connectTransport(transportId: string, dtlsParameters: unknown): Promise<void> {
    const transport = this.#transport(transportId);
    await this.#guarded(() => transport.connect({ dtlsParameters: dtlsParameters as types.DtlsParameters }));
  }

  restartIce(transportId: string): Promise<unknown> {
    const transport = this.#transport(transportId);
    return this.#guarded(() => transport.restartIce());
  }

  async produce(
    transportId: string,
    {
      number,
      source,
      kind,
      rtpParameters,
    }: { number: number; source: Source; kind: 'audio' | 'video'; rtpParameters: unknown },
  ): Promise<string> {
    const transport = this.#transport(transportId);
    const parameters = rtpParameters as types.RtpParameters;
    if (!isOfKind(parameters, kind)) throw new ProtocolError('media-parameters');
    const producer = await this.#guarded(() =>
      transport.produce({
        kind,
        rtpParameters: parameters,
        keyFrameRequestDelay: KEY_FRAME_REQUEST_DELAY_MS,
        appData: { number, source },
      }),
    );
    this.#producers.set(producer.id, producer);
    producer.observer.on('close', () => this.#producers.delete(producer.id));
    const { tap, router } = this.#options;
    if (tap && this.#tapTransport) {
      await tapProducer({ transport: this.#tapTransport, router, producer, number, source, tap });
    }
    return producer.id;
  }

  checkCapabilities(rtpCapabilities: unknown): void {
    try {
      // It fills in defaults where the client gave none: on a copy.
      ortc.validateAndNormalizeRtpCapabilities(structuredClone(rtpCapabilities) as types.RtpCapabilities);
    } catch (cause) {
      throw new ProtocolError('media-parameters', { cause });
    }
  }

  async consume(transportId: string, producerId: string, rtpCapabilities: unknown): Promise<ConsumerOffer> {
    const transport = this.#transport(transportId);
    const capabilities = rtpCapabilities as types.RtpCapabilities;
    if (!this.#options.router.canConsume({ producerId, rtpCapabilities: capabilities })) {
      throw new ProtocolError('media-parameters');
    }
    const consumer = await this.#guarded(() =>
      transport.consume({ producerId, rtpCapabilities: capabilities, paused: true }),
    );
    const { id, kind, rtpParameters } = consumer;
    this.#consumers.set(id, consumer);
    consumer.observer.on('close', () => this.#consumers.delete(id));
    consumer.on('layerschange', (layers) =>
      this.#options.events.layersChanged(
        id,
        layers && { spatial: layers.spatialLayer, temporal: layers.temporalLayer ?? 0 },
      ),
    );
    return { id, kind, rtpParameters };
  }

  async command(command: MediaCommand): Promise<void> {
    switch (command.type) {
      case 'close-transport':
        this.#transports.get(command.transportId)?.close();
        return;
      case 'producer':
        await this.#guarded(async () => this.#producers.get(command.producerId)?.[command.action]());
        return;
      case 'consumer': {
        const action = command.action === 'key-frame' ? 'requestKeyFrame' : command.action;
        await this.#guarded(async () => this.#consumers.get(command.consumerId)?.[action]());
        return;
      }
      case 'layers': {
        const { spatial, temporal } = command.layers;
        const consumer = this.#consumers.get(command.consumerId);
        await this.#guarded(async () =>
          consumer?.setPreferredLayers({ spatialLayer: spatial, temporalLayer: temporal }),
        );
        return;
      }
      case 'observe':
        await this.#guarded(() => this.#levels.addProducer({ producerId: command.producerId }));
        return;
      default:
        command satisfies never;
    }
  }

  close(): void {
    try {
      this.#options.router.close();
    } catch {
      this.#options.onBroken();
    }
  }

  /** What mediasoup refuses is what the client gave it, unless the worker is gone or its channel broken. */
  async #guarded<T>(work: () => T | Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const isBroken = cause instanceof TypeError && cause.message.startsWith('FlatBuffers');
      if (isBroken) this.#options.onBroken();
      const isGone = cause instanceof errors.WorkerClosedError || cause instanceof errors.NotFoundError;
      throw new ProtocolError(isGone || isBroken ? 'sfu-unavailable' : 'media-parameters', { cause });
    }
  }

  #transport(transportId: string): types.WebRtcTransport {
    const transport = this.#transports.get(transportId);
    if (!transport) throw new ProtocolError('not-found');
    return transport;
  }
}

/** mediasoup lets a microphone send video. */
function isOfKind({ codecs }: types.RtpParameters, kind: 'audio' | 'video'): boolean {
  return codecs.every(({ mimeType }) => mimeType.toLowerCase().startsWith(`${kind}/`));
}

/** One socket, offered once for each announced address (RFC 8445 §5.1.1.3, §5.1.2 for foundation and priority). */
function announce(candidates: readonly types.IceCandidate[], announced: readonly string[]): types.IceCandidate[] {
  const addresses = announced.length > 0 ? announced : [undefined];
  return addresses.flatMap((address, index) =>
    candidates.map((candidate) => {
      if (address === undefined || index === 0) return candidate;
      return {
        ...candidate,
        ip: address,
        address,
        foundation: `${candidate.foundation}${index}`,
        priority: candidate.priority - index,
      };
    }),
  );
}
