import type { AccountId, DeviceId } from '@carillon/protocol';

/** One socket; never used again within a process. */
export type LinkId = number;
export type Direction = 'send' | 'receive';
export type Source = 'microphone' | 'camera' | 'screen' | 'screen-audio';
export type Kind = 'audio' | 'video';

export const KIND_OF_SOURCE = {
  microphone: 'audio',
  camera: 'video',
  screen: 'video',
  'screen-audio': 'audio',
} as const satisfies Record<Source, Kind>;

export interface Participant {
  readonly number: number;
  readonly accountId: AccountId;
  readonly deviceId: DeviceId;
}

export interface Member extends Participant {
  readonly link: LinkId;
  /** It has said what it can decode, so it may consume. */
  readonly capable: boolean;
  /** At most one transport each way; `opening` holds the place while the engine works. */
  readonly transports: Readonly<Partial<Record<Direction, 'opening' | { readonly id: string }>>>;
  /** Sources and producers that the engine is working on. */
  readonly producing: ReadonlySet<Source>;
  readonly consuming: ReadonlySet<string>;
}

export interface Producer {
  readonly id: string;
  readonly number: number;
  readonly transportId: string;
  readonly source: Source;
  readonly paused: boolean;
}

export interface Consumer {
  readonly id: string;
  readonly number: number;
  readonly transportId: string;
  readonly producerId: string;
}

export interface SpeakerState {
  readonly announcedNumber?: number;
  /** The loudest of the last intervals, if it is another. */
  readonly candidate?: { readonly number: number; readonly intervals: number };
}

export interface RoomState {
  readonly membersMax: number;
  /** By participant number. */
  readonly members: ReadonlyMap<number, Member>;
  readonly producers: ReadonlyMap<string, Producer>;
  readonly consumers: ReadonlyMap<string, Consumer>;
  readonly speaker: SpeakerState;
}

export interface Layers {
  readonly spatial: number;
  readonly temporal: number;
}

export type ProducerAction = 'pause' | 'resume' | 'close';
export type ConsumerAction = 'pause' | 'resume' | 'close' | 'key-frame';

type EventTable = {
  join: Participant & { link: LinkId };
  leave: { link: LinkId };
  capable: { link: LinkId };
  'transport-wanted': { link: LinkId; direction: Direction };
  'transport-opened': { link: LinkId; direction: Direction; transportId: string };
  'transport-failed': { link: LinkId; direction: Direction };
  /** Connect or restart ICE: only whether it may is decided here. */
  'transport-asked': { link: LinkId; transportId: string };
  'produce-wanted': { link: LinkId; transportId: string; source: Source };
  produced: { link: LinkId; transportId: string; source: Source; producerId: string };
  'produce-failed': { link: LinkId; source: Source };
  'producer-asked': { link: LinkId; producerId: string; action: ProducerAction };
  'consume-wanted': { link: LinkId; transportId: string; producerId: string };
  consumed: { link: LinkId; transportId: string; producerId: string; consumerId: string };
  'consume-failed': { link: LinkId; producerId: string };
  'consumer-asked': { link: LinkId; consumerId: string; action: ConsumerAction };
  'layers-wanted': { link: LinkId; consumerId: string; layers: Layers };
  'layers-changed': { consumerId: string; layers: Layers | undefined };
  /** Once for each interval in which something was to be heard, and once when nothing is any more. */
  loudest: { producerId: string | undefined };
};
export type RoomEventOf<Type extends keyof EventTable> = Readonly<EventTable[Type]> & { readonly type: Type };
export type RoomEvent = { [Type in keyof EventTable]: RoomEventOf<Type> }[keyof EventTable];

export interface ProducerView {
  readonly producerId: string;
  readonly participant: Participant;
  readonly source: Source;
  readonly paused: boolean;
}

export type Push =
  | { readonly type: 'member-joined' | 'member-left'; readonly participant: Participant }
  | { readonly type: 'producer-added' | 'producer-changed'; readonly producer: ProducerView }
  | { readonly type: 'producer-closed'; readonly producerId: string }
  | { readonly type: 'consumer-layers'; readonly consumerId: string; readonly layers: Layers | undefined }
  | { readonly type: 'active-speaker'; readonly number: number };

export type MediaCommand =
  | { readonly type: 'close-transport'; readonly transportId: string }
  | { readonly type: 'producer'; readonly producerId: string; readonly action: ProducerAction }
  | { readonly type: 'consumer'; readonly consumerId: string; readonly action: ConsumerAction }
  | { readonly type: 'layers'; readonly consumerId: string; readonly layers: Layers }
  /** Watch this audio for speech. */
  | { readonly type: 'observe'; readonly producerId: string };

export type Effect =
  | { readonly type: 'push'; readonly to: LinkId; readonly push: Push }
  | { readonly type: 'end'; readonly link: LinkId; readonly code: 'replaced-by-new-connection' }
  | { readonly type: 'media'; readonly command: MediaCommand };

export interface Step {
  readonly state: RoomState;
  readonly effects: readonly Effect[];
}
