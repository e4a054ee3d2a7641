// Between the core's words and the wire's.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  MediaSource,
  type ProducerInfoSchema,
  ProtocolError,
  type RoomMemberSchema,
  TransportDirection,
} from '@carillon/protocol';
import type { Direction, Participant, ProducerView, Push, Source } from '../core/roomTypes.ts';
import type { ServerBody } from './link.ts';

const SOURCE_TO_WIRE: Record<Source, MediaSource> = {
  microphone: MediaSource.MICROPHONE,
  camera: MediaSource.CAMERA,
  screen: MediaSource.SCREEN,
  'screen-audio': MediaSource.SCREEN_AUDIO,
};

export function sourceFromWire(source: MediaSource): Source {
  for (const [name, value] of Object.entries(SOURCE_TO_WIRE)) if (value === source) return name as Source;
  throw new ProtocolError('invalid-request');
}

export function directionFromWire(direction: TransportDirection): Direction {
  if (direction === TransportDirection.SEND) return 'send';
  if (direction === TransportDirection.RECEIVE) return 'receive';
  throw new ProtocolError('invalid-request');
}

export function memberFrame({ number, accountId, deviceId }: Participant): MessageInitShape<typeof RoomMemberSchema> {
  return { number, device: { accountId, deviceId } };
}

export function producerFrame(view: ProducerView): MessageInitShape<typeof ProducerInfoSchema> {
  const { producerId, participant, source, paused } = view;
  return { producerId, member: memberFrame(participant), source: SOURCE_TO_WIRE[source], paused };
}

export function pushBody(push: Push): ServerBody {
  switch (push.type) {
    case 'member-joined':
      return { case: 'memberJoined', value: memberFrame(push.participant) };
    case 'member-left':
      return { case: 'memberLeft', value: memberFrame(push.participant) };
    case 'producer-added':
      return { case: 'producerAdded', value: producerFrame(push.producer) };
    case 'producer-changed':
      return { case: 'producerChanged', value: producerFrame(push.producer) };
    case 'producer-closed':
      return { case: 'producerClosed', value: { producerId: push.producerId } };
    case 'consumer-layers': {
      const { spatial, temporal } = push.layers ?? { spatial: -1, temporal: -1 };
      const { consumerId } = push;
      return { case: 'consumerLayers', value: { consumerId, spatialLayer: spatial, temporalLayer: temporal } };
    }
    case 'active-speaker':
      return { case: 'activeSpeaker', value: { number: push.number } };
    default:
      return push satisfies never;
  }
}
