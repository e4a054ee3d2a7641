// The port to what moves media. The adapter is mediasoupEngine.ts; everything
// typed `unknown` here is an ORTC dictionary that clients and the engine
// understand and this service only carries.
import type { Layers, MediaCommand, Source } from '../core/roomTypes.ts';

export interface TransportOffer {
  readonly id: string;
  readonly iceParameters: unknown;
  readonly iceCandidates: unknown;
  readonly dtlsParameters: unknown;
}

export interface ConsumerOffer {
  readonly id: string;
  readonly kind: 'audio' | 'video';
  readonly rtpParameters: unknown;
}

export interface RoomMediaEvents {
  layersChanged(consumerId: string, layers: Layers | undefined): void;
  /** Who was loudest in an interval of some hundred milliseconds; undefined once silence begins. */
  loudest(producerId: string | undefined): void;
  /** The room's media is gone for good; nothing of it needs closing. */
  lost(): void;
}

/** All methods throw ProtocolError: `media-parameters` or `sfu-unavailable`. */
export interface RoomMedia {
  readonly rtpCapabilities: unknown;
  openTransport(): Promise<TransportOffer>;
  connectTransport(transportId: string, dtlsParameters: unknown): Promise<void>;
  /** Returns the new ICE parameters. */
  restartIce(transportId: string): Promise<unknown>;
  produce(
    transportId: string,
    options: { number: number; source: Source; kind: 'audio' | 'video'; rtpParameters: unknown },
  ): Promise<string>;
  checkCapabilities(rtpCapabilities: unknown): void;
  /** The consumer starts paused. */
  consume(transportId: string, producerId: string, rtpCapabilities: unknown): Promise<ConsumerOffer>;
  /** An object that is gone meanwhile is no error. */
  command(command: MediaCommand): Promise<void>;
  close(): void;
}

export interface WorkerUsage {
  readonly pid: number;
  /** User and system processor time since its start. */
  readonly cpuMs: number;
  readonly rooms: number;
}

export interface MediaEngine {
  /** @throws ProtocolError `sfu-unavailable` while no worker runs. */
  openRoom(events: RoomMediaEvents): Promise<RoomMedia>;
  /** What is wrong at the moment, in words. */
  problems(): string[];
  usage(): Promise<WorkerUsage[]>;
  close(): void;
}

/** One forwarded RTP packet, as it leaves for receivers. */
export interface TappedPayload {
  readonly number: number;
  readonly source: Source;
  /** What follows the RTP header: for video, the VP8 payload descriptor comes first. */
  readonly payload: Uint8Array;
}
export type MediaTap = (tapped: TappedPayload) => void;
