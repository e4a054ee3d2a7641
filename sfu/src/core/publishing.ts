import { ProtocolError } from '@carillon/protocol';
import {
  hasTransport,
  media,
  memberByLink,
  memberOf,
  ownProducer,
  producerView,
  pushToOthers,
  withMember,
} from './access.ts';
import {
  KIND_OF_SOURCE,
  type Producer,
  type RoomEventOf,
  type RoomState,
  type Source,
  type Step,
} from './roomTypes.ts';

/** One producer for each source: four bound what a member makes others receive. */
export function produceWanted(state: RoomState, { link, transportId, source }: RoomEventOf<'produce-wanted'>): Step {
  const member = memberOf(state, link);
  if (!hasTransport(member, transportId, 'send')) throw new ProtocolError('not-found');
  const isTaken = [...state.producers.values()].some((p) => p.number === member.number && p.source === source);
  if (isTaken || member.producing.has(source)) throw new ProtocolError('room-limit');
  return { state: withMember(state, { ...member, producing: new Set(member.producing).add(source) }), effects: [] };
}

export function produced(state: RoomState, { link, transportId, source, producerId }: RoomEventOf<'produced'>): Step {
  const released = release(state, link, source);
  const member = memberByLink(released, link);
  // The member left, or its transport was replaced, while the engine worked.
  if (!member || !hasTransport(member, transportId, 'send')) {
    return { state: released, effects: [media({ type: 'producer', producerId, action: 'close' })] };
  }
  const producer: Producer = { id: producerId, number: member.number, transportId, source, paused: false };
  const next = { ...released, producers: new Map(released.producers).set(producerId, producer) };
  const push = pushToOthers(next, member.number, { type: 'producer-added', producer: producerView(next, producer) });
  // Only voices lead: a shared film must not take the stage from who speaks.
  const observe = source === 'microphone' ? [media({ type: 'observe', producerId })] : [];
  return { state: next, effects: [...observe, ...push] };
}

export function produceFailed(state: RoomState, { link, source }: RoomEventOf<'produce-failed'>): Step {
  return { state: release(state, link, source), effects: [] };
}

export function producerAsked(state: RoomState, { link, producerId, action }: RoomEventOf<'producer-asked'>): Step {
  const producer = ownProducer(state, link, producerId);
  const order = media({ type: 'producer', producerId, action });
  if (action === 'close') {
    const dropped = dropProducer(state, producer);
    return { state: dropped.state, effects: [order, ...dropped.effects] };
  }
  const paused = action === 'pause';
  if (producer.paused === paused) return { state, effects: [] };
  const changed = { ...producer, paused };
  const next = { ...state, producers: new Map(state.producers).set(producerId, changed) };
  const push = pushToOthers(next, producer.number, {
    type: 'producer-changed',
    producer: producerView(next, changed),
  });
  return { state: next, effects: [order, ...push] };
}

/** Takes a producer and its consumers out of the state; the engine closes the consumers with it. */
export function dropProducer(state: RoomState, { id, number }: Producer): Step {
  const producers = new Map(state.producers);
  producers.delete(id);
  return {
    state: {
      ...state,
      producers,
      consumers: new Map([...state.consumers].filter(([, consumer]) => consumer.producerId !== id)),
    },
    effects: pushToOthers(state, number, { type: 'producer-closed', producerId: id }),
  };
}

export function kindOf(producer: Producer): 'audio' | 'video' {
  return KIND_OF_SOURCE[producer.source];
}

function release(state: RoomState, link: number, source: Source): RoomState {
  const member = memberByLink(state, link);
  if (!member) return state;
  const producing = new Set(member.producing);
  producing.delete(source);
  return withMember(state, { ...member, producing });
}
