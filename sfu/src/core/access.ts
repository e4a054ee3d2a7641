// Who may touch what, and small reads of the state that every step needs.
import { ProtocolError } from '@carillon/protocol';
import type {
  Consumer,
  Direction,
  Effect,
  LinkId,
  MediaCommand,
  Member,
  Participant,
  Producer,
  ProducerView,
  Push,
  RoomState,
} from './roomTypes.ts';

export function memberByLink(state: RoomState, link: LinkId): Member | undefined {
  for (const member of state.members.values()) if (member.link === link) return member;
  return undefined;
}

/** @throws ProtocolError when the link's place has been taken or it has left. */
export function memberOf(state: RoomState, link: LinkId): Member {
  const member = memberByLink(state, link);
  if (!member) throw new ProtocolError('not-found');
  return member;
}

/** Another member's object is answered like none at all: ids must not be probed. */
export function ownProducer(state: RoomState, link: LinkId, producerId: string): Producer {
  const producer = state.producers.get(producerId);
  if (!producer || producer.number !== memberOf(state, link).number) throw new ProtocolError('not-found');
  return producer;
}

export function ownConsumer(state: RoomState, link: LinkId, consumerId: string): Consumer {
  const consumer = state.consumers.get(consumerId);
  if (!consumer || consumer.number !== memberOf(state, link).number) throw new ProtocolError('not-found');
  return consumer;
}

export function hasTransport(member: Member, transportId: string, direction?: Direction): boolean {
  const directions: readonly Direction[] = direction ? [direction] : ['send', 'receive'];
  return directions.some((each) => {
    const slot = member.transports[each];
    return slot !== undefined && slot !== 'opening' && slot.id === transportId;
  });
}

export function withMember(state: RoomState, member: Member): RoomState {
  return { ...state, members: new Map(state.members).set(member.number, member) };
}

export function participantOf({ number, accountId, deviceId }: Member): Participant {
  return { number, accountId, deviceId };
}

export function producerView(state: RoomState, producer: Producer): ProducerView {
  const member = state.members.get(producer.number);
  if (!member) throw new Error('a producer outlived its member');
  return {
    producerId: producer.id,
    participant: participantOf(member),
    source: producer.source,
    paused: producer.paused,
  };
}

export function pushToOthers(state: RoomState, number: number, push: Push): Effect[] {
  return [...state.members.values()]
    .filter((member) => member.number !== number)
    .map((member) => ({ type: 'push', to: member.link, push }));
}

export function media(command: MediaCommand): Effect {
  return { type: 'media', command };
}
