// One room as data: who is in it, what each sends and receives, and who may do
// what. The theory:
//
// A member is one socket (a `link`) that came with a ticket for a participant
// number. Media objects live in the engine; here are their ids and owners. As
// the engine answers later, whatever it is asked for passes two events: `wanted`
// checks the request and reserves the place, so that the bounds hold however
// many requests run at once; `opened`/`produced`/`consumed` fills it, or orders
// the engine to close what nobody waits for any more. Only an owner's link may
// act on its objects, and a member's end closes everything that hangs on it.
//
// `step` is pure. A request that may not be is refused by throwing a
// ProtocolError; the state is then as before.
import { loudest } from './activeSpeaker.ts';
import { produced, produceFailed, producerAsked, produceWanted } from './publishing.ts';
import { consumed, consumeFailed, consumerAsked, consumeWanted, layersChanged, layersWanted } from './receiving.ts';
import type { RoomEvent, RoomState, Step } from './roomTypes.ts';
import { capable, join, leave } from './roster.ts';
import { transportAsked, transportFailed, transportOpened, transportWanted } from './transports.ts';

export function createRoom(membersMax: number): RoomState {
  return { membersMax, members: new Map(), producers: new Map(), consumers: new Map(), speaker: {} };
}

/** @throws ProtocolError when the event is a request that is refused. */
export function step(state: RoomState, event: RoomEvent): Step {
  switch (event.type) {
    case 'join':
      return join(state, event);
    case 'leave':
      return leave(state, event);
    case 'capable':
      return capable(state, event);
    case 'transport-wanted':
      return transportWanted(state, event);
    case 'transport-opened':
      return transportOpened(state, event);
    case 'transport-failed':
      return transportFailed(state, event);
    case 'transport-asked':
      return transportAsked(state, event);
    case 'produce-wanted':
      return produceWanted(state, event);
    case 'produced':
      return produced(state, event);
    case 'produce-failed':
      return produceFailed(state, event);
    case 'producer-asked':
      return producerAsked(state, event);
    case 'consume-wanted':
      return consumeWanted(state, event);
    case 'consumed':
      return consumed(state, event);
    case 'consume-failed':
      return consumeFailed(state, event);
    case 'consumer-asked':
      return consumerAsked(state, event);
    case 'layers-wanted':
      return layersWanted(state, event);
    case 'layers-changed':
      return layersChanged(state, event);
    case 'loudest':
      return loudest(state, event);
    default:
      return event satisfies never;
  }
}
