// Who is announced as the speaker: whoever was the loudest for two intervals in
// a row, so that a cough does not take the stage. In silence the last speaker
// stays. (mediasoup's dominant-speaker observer names someone before anyone has
// spoken, and in a trial followed a steady, loud voice only after 4 to 20 s.)
import type { RoomEventOf, RoomState, Step } from './roomTypes.ts';

/** Of the engine's intervals. More is calmer and later. */
const INTERVALS_TO_LEAD = 2;

export function loudest(state: RoomState, { producerId }: RoomEventOf<'loudest'>): Step {
  const producer = producerId === undefined ? undefined : state.producers.get(producerId);
  const { announcedNumber, candidate } = state.speaker;
  if (!producer || producer.number === announcedNumber) {
    return { state: { ...state, speaker: announcedNumber === undefined ? {} : { announcedNumber } }, effects: [] };
  }
  const { number } = producer;
  const intervals = candidate?.number === number ? candidate.intervals + 1 : 1;
  if (intervals < INTERVALS_TO_LEAD) {
    return { state: { ...state, speaker: { ...state.speaker, candidate: { number, intervals } } }, effects: [] };
  }
  return {
    state: { ...state, speaker: { announcedNumber: number } },
    effects: [...state.members.values()].map((member) => ({
      type: 'push',
      to: member.link,
      push: { type: 'active-speaker', number },
    })),
  };
}
