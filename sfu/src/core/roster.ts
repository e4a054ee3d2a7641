import { ProtocolError } from '@carillon/protocol';
import { memberByLink, memberOf, participantOf, pushToOthers, withMember } from './access.ts';
import type { Effect, Member, RoomEventOf, RoomState, Step } from './roomTypes.ts';
import { closeTransport } from './transports.ts';

/**
 * A ticket for a number that is taken, or of a device that is inside, replaces:
 * a phone that changed its network must not wait for its old socket to be missed.
 */
export function join(state: RoomState, { link, number, accountId, deviceId }: RoomEventOf<'join'>): Step {
  let next = state;
  const effects: Effect[] = [];
  for (const member of state.members.values()) {
    const isSame = member.number === number || (member.accountId === accountId && member.deviceId === deviceId);
    if (!isSame) continue;
    const removed = remove(next, member);
    next = removed.state;
    effects.push({ type: 'end', link: member.link, code: 'replaced-by-new-connection' }, ...removed.effects);
  }
  if (next.members.size >= state.membersMax) throw new ProtocolError('room-limit');
  const member: Member = {
    link,
    number,
    accountId,
    deviceId,
    capable: false,
    transports: {},
    producing: new Set(),
    consuming: new Set(),
  };
  next = withMember(next, member);
  effects.push(...pushToOthers(next, number, { type: 'member-joined', participant: participantOf(member) }));
  return { state: next, effects };
}

export function leave(state: RoomState, { link }: RoomEventOf<'leave'>): Step {
  const member = memberByLink(state, link);
  return member ? remove(state, member) : { state, effects: [] };
}

export function capable(state: RoomState, { link }: RoomEventOf<'capable'>): Step {
  return { state: withMember(state, { ...memberOf(state, link), capable: true }), effects: [] };
}

function remove(state: RoomState, member: Member): Step {
  let next = state;
  const effects: Effect[] = [];
  for (const direction of ['send', 'receive'] as const) {
    const closed = closeTransport(next, member.number, direction);
    next = closed.state;
    effects.push(...closed.effects);
  }
  const members = new Map(next.members);
  members.delete(member.number);
  // Whoever comes with this number later is somebody else.
  next = { ...next, members, speaker: next.speaker.announcedNumber === member.number ? {} : next.speaker };
  effects.push(...pushToOthers(next, member.number, { type: 'member-left', participant: participantOf(member) }));
  return { state: next, effects: effects.filter((effect) => effect.type !== 'push' || effect.to !== member.link) };
}
