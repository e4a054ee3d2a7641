import { ProtocolError } from '@carillon/protocol';
import { hasTransport, media, memberByLink, memberOf, ownConsumer, withMember } from './access.ts';
import { kindOf } from './publishing.ts';
import type { Consumer, RoomEventOf, RoomState, Step } from './roomTypes.ts';

/** VP8 simulcast has three spatial and three temporal layers at most. */
const LAYER_MAX = 2;

/** Everyone may receive what others in the room send, once; nobody receives itself. */
export function consumeWanted(
  state: RoomState,
  { link, transportId, producerId }: RoomEventOf<'consume-wanted'>,
): Step {
  const member = memberOf(state, link);
  const producer = state.producers.get(producerId);
  if (!producer || !hasTransport(member, transportId, 'receive')) throw new ProtocolError('not-found');
  if (producer.number === member.number) throw new ProtocolError('forbidden');
  if (!member.capable) throw new ProtocolError('invalid-request', { words: 'Say the RTP capabilities first.' });
  const isTaken = [...state.consumers.values()].some((c) => c.number === member.number && c.producerId === producerId);
  if (isTaken || member.consuming.has(producerId)) throw new ProtocolError('room-limit');
  return {
    state: withMember(state, { ...member, consuming: new Set(member.consuming).add(producerId) }),
    effects: [],
  };
}

export function consumed(
  state: RoomState,
  { link, transportId, producerId, consumerId }: RoomEventOf<'consumed'>,
): Step {
  const released = release(state, link, producerId);
  const member = memberByLink(released, link);
  if (!member || !released.producers.has(producerId) || !hasTransport(member, transportId, 'receive')) {
    return { state: released, effects: [media({ type: 'consumer', consumerId, action: 'close' })] };
  }
  const consumer: Consumer = { id: consumerId, number: member.number, transportId, producerId };
  return {
    state: { ...released, consumers: new Map(released.consumers).set(consumerId, consumer) },
    effects: [],
  };
}

export function consumeFailed(state: RoomState, { link, producerId }: RoomEventOf<'consume-failed'>): Step {
  return { state: release(state, link, producerId), effects: [] };
}

export function consumerAsked(state: RoomState, { link, consumerId, action }: RoomEventOf<'consumer-asked'>): Step {
  ownConsumer(state, link, consumerId);
  const effects = [media({ type: 'consumer', consumerId, action })];
  if (action !== 'close') return { state, effects };
  const consumers = new Map(state.consumers);
  consumers.delete(consumerId);
  return { state: { ...state, consumers }, effects };
}

/**
 * The receiver decides: it alone knows how large it shows a picture. The engine
 * takes the wish as the upper bound and goes below it as the bandwidth asks.
 */
export function layersWanted(state: RoomState, { link, consumerId, layers }: RoomEventOf<'layers-wanted'>): Step {
  const consumer = ownConsumer(state, link, consumerId);
  const producer = state.producers.get(consumer.producerId);
  if (!producer || kindOf(producer) !== 'video' || layers.spatial > LAYER_MAX || layers.temporal > LAYER_MAX) {
    throw new ProtocolError('invalid-request');
  }
  return { state, effects: [media({ type: 'layers', consumerId, layers })] };
}

export function layersChanged(state: RoomState, { consumerId, layers }: RoomEventOf<'layers-changed'>): Step {
  const consumer = state.consumers.get(consumerId);
  const member = consumer && state.members.get(consumer.number);
  if (!member) return { state, effects: [] };
  return {
    state,
    effects: [{ type: 'push', to: member.link, push: { type: 'consumer-layers', consumerId, layers } }],
  };
}

function release(state: RoomState, link: number, producerId: string): RoomState {
  const member = memberByLink(state, link);
  if (!member) return state;
  const consuming = new Set(member.consuming);
  consuming.delete(producerId);
  return withMember(state, { ...member, consuming });
}
