// Who is announced as the speaker. The engine names a dominant speaker from the
// first microphone on, before anyone has said a word; so its choice is announced
// only while something is to be heard, and in silence the last speaker stays.
import type { RoomEventOf, RoomState, SpeakerState, Step } from './roomTypes.ts';

export function dominantSpeaker(state: RoomState, { producerId }: RoomEventOf<'dominant-speaker'>): Step {
  if (!state.producers.has(producerId)) return { state, effects: [] };
  return announce(state, { ...state.speaker, dominantProducerId: producerId });
}

export function speech(state: RoomState, { audible }: RoomEventOf<'speech'>): Step {
  return announce(state, { ...state.speaker, audible });
}

function announce(state: RoomState, speaker: SpeakerState): Step {
  const producer = speaker.dominantProducerId && state.producers.get(speaker.dominantProducerId);
  if (!producer || !speaker.audible || producer.number === speaker.announcedNumber) {
    return { state: { ...state, speaker }, effects: [] };
  }
  const { number } = producer;
  return {
    state: { ...state, speaker: { ...speaker, announcedNumber: number } },
    effects: [...state.members.values()].map((member) => ({
      type: 'push',
      to: member.link,
      push: { type: 'active-speaker', number },
    })),
  };
}
