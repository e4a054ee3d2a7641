import { ProtocolError } from '@carillon/protocol';
import { hasTransport, media, memberByLink, memberOf, withMember } from './access.ts';
import { dropProducer } from './publishing.ts';
import type { Direction, Effect, RoomEventOf, RoomState, Step } from './roomTypes.ts';

/** A second transport the same way replaces the first: a client whose ICE failed for good starts anew. */
export function transportWanted(state: RoomState, { link, direction }: RoomEventOf<'transport-wanted'>): Step {
  const { number, transports } = memberOf(state, link);
  if (transports[direction] === 'opening') throw new ProtocolError('room-limit');
  const closed = closeTransport(state, number, direction);
  const member = memberOf(closed.state, link);
  return {
    state: withMember(closed.state, { ...member, transports: { ...member.transports, [direction]: 'opening' } }),
    effects: closed.effects,
  };
}

export function transportOpened(
  state: RoomState,
  { link, direction, transportId }: RoomEventOf<'transport-opened'>,
): Step {
  const member = memberByLink(state, link);
  if (!member) return { state, effects: [media({ type: 'close-transport', transportId })] };
  const transports = { ...member.transports, [direction]: { id: transportId } };
  return { state: withMember(state, { ...member, transports }), effects: [] };
}

export function transportFailed(state: RoomState, { link, direction }: RoomEventOf<'transport-failed'>): Step {
  const member = memberByLink(state, link);
  if (!member) return { state, effects: [] };
  const { [direction]: _failed, ...transports } = member.transports;
  return { state: withMember(state, { ...member, transports }), effects: [] };
}

export function transportAsked(state: RoomState, { link, transportId }: RoomEventOf<'transport-asked'>): Step {
  if (!hasTransport(memberOf(state, link), transportId)) throw new ProtocolError('not-found');
  return { state, effects: [] };
}

/** Closes what a member has open this way, with the producers or consumers on it. */
export function closeTransport(state: RoomState, number: number, direction: Direction): Step {
  const member = state.members.get(number);
  const slot = member?.transports[direction];
  if (!member || slot === undefined || slot === 'opening') return { state, effects: [] };
  const effects: Effect[] = [];
  let next = state;
  for (const producer of state.producers.values()) {
    if (producer.transportId !== slot.id) continue;
    const dropped = dropProducer(next, producer);
    next = dropped.state;
    effects.push(...dropped.effects);
  }
  const { [direction]: _closed, ...transports } = member.transports;
  next = withMember(
    {
      ...next,
      consumers: new Map([...next.consumers].filter(([, consumer]) => consumer.transportId !== slot.id)),
    },
    { ...member, transports },
  );
  effects.push(media({ type: 'close-transport', transportId: slot.id }));
  return { state: next, effects };
}
