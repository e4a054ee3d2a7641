// What one connected device is sent next. The queue is read in pages, urgent
// envelopes before the others, each in order of seq, with a window of
// unacknowledged ones under way so that a slow device is not flooded.
//
//   (open) --> reading --page was not full--> resting --queued, or room and more--> reading
//                 ^--page was full, room left--'
//
// A seq is delivered once per connection: two cursors remember how far urgent
// and ordinary envelopes got. A new connection starts from zero, so whatever
// was not acknowledged is delivered again (at least once).
import { LIMITS } from '@carillon/protocol';
import type { QueuedEnvelope } from './messagingStore.ts';

/** Unacknowledged ordinary envelopes under way. More hides round trips on a long link. */
export const WINDOW_MAX = 128;
/**
 * Their ciphertext bytes. More helps long links with large envelopes. One read of urgent and ordinary ones together
 * may take twice this, which must stay below what the socket may hold unsent before it is cut as too slow.
 */
export const WINDOW_BYTES_MAX = 1536 * 1024;
/** Room that only urgent ones may use, so that a call rings on a device busy with its backlog. */
export const URGENT_ROOM = 32;
export const URGENT_ROOM_BYTES = 512 * 1024;
/** Envelopes read at once: bounds how long one read holds up the others. */
export const PAGE_MAX = 32;

export interface DeliveryState {
  readonly reading: boolean;
  /** Something may be in the queue past the cursors. */
  readonly more: boolean;
  /** The end of the queue was reached once, and said. */
  readonly drained: boolean;
  readonly urgentAfter: number;
  readonly ordinaryAfter: number;
  /** Delivered on this connection, not acknowledged: seq to ciphertext bytes. */
  readonly inFlight: ReadonlyMap<number, number>;
  readonly inFlightBytes: number;
}

export type DeliveryEvent =
  | { readonly type: 'opened' }
  | { readonly type: 'queued' }
  | { readonly type: 'acknowledged'; readonly seqs: readonly number[] }
  | {
      readonly type: 'page';
      /** The limits that were asked for. */
      readonly read: ReadEffect;
      readonly urgent: readonly QueuedEnvelope[];
      readonly ordinary: readonly QueuedEnvelope[];
    };

export interface ReadEffect {
  readonly type: 'read';
  readonly urgent: { readonly afterSeq: number; readonly limit: number };
  readonly ordinary: { readonly afterSeq: number; readonly limit: number };
}

export type DeliveryEffect =
  | ReadEffect
  | { readonly type: 'deliver'; readonly envelope: QueuedEnvelope }
  | { readonly type: 'say-drained' };

export interface DeliveryStep {
  readonly state: DeliveryState;
  readonly effects: readonly DeliveryEffect[];
}

export const closedWindow: DeliveryState = {
  reading: false,
  more: false,
  drained: false,
  urgentAfter: 0,
  ordinaryAfter: 0,
  inFlight: new Map(),
  inFlightBytes: 0,
};

export function stepDelivery(state: DeliveryState, event: DeliveryEvent): DeliveryStep {
  switch (event.type) {
    case 'opened':
    case 'queued':
      return readIfRoom({ ...state, more: true }, []);
    case 'acknowledged': {
      const inFlight = new Map(state.inFlight);
      let { inFlightBytes } = state;
      for (const seq of event.seqs) {
        inFlightBytes -= inFlight.get(seq) ?? 0;
        inFlight.delete(seq);
      }
      return readIfRoom(
        { ...state, inFlight: inFlight.size === 0 ? closedWindow.inFlight : inFlight, inFlightBytes },
        [],
      );
    }
    case 'page':
      return onPage(state, event);
    default:
      return event satisfies never;
  }
}

function onPage(state: DeliveryState, page: Extract<DeliveryEvent, { type: 'page' }>): DeliveryStep {
  const envelopes = [...page.urgent, ...page.ordinary];
  const atEnd =
    page.urgent.length < page.read.urgent.limit &&
    (page.ordinary.length < page.read.ordinary.limit || page.read.ordinary.limit === 0);
  const ordinaryUnread = page.read.ordinary.limit === 0;
  const next: DeliveryState = {
    reading: false,
    // `more` became true again if something was queued while the page was read.
    more: state.more || !atEnd || ordinaryUnread,
    drained: state.drained || (atEnd && !ordinaryUnread),
    urgentAfter: page.urgent.at(-1)?.seq ?? state.urgentAfter,
    ordinaryAfter: page.ordinary.at(-1)?.seq ?? state.ordinaryAfter,
    inFlight: withDelivered(state.inFlight, envelopes),
    inFlightBytes: envelopes.reduce((bytes, { ciphertext }) => bytes + ciphertext.length, state.inFlightBytes),
  };
  const effects: DeliveryEffect[] = envelopes.map((envelope) => ({ type: 'deliver', envelope }));
  if (next.drained && !state.drained) effects.push({ type: 'say-drained' });
  return readIfRoom(next, effects, ordinaryUnread && atEnd && !state.more);
}

/** Nearly every device has nothing in flight nearly always: those share one map. */
function withDelivered(inFlight: DeliveryState['inFlight'], envelopes: readonly QueuedEnvelope[]) {
  if (envelopes.length === 0) return inFlight;
  const all = new Map(inFlight);
  for (const { seq, ciphertext } of envelopes) all.set(seq, ciphertext.length);
  return all;
}

/** Envelopes that surely fit, each taken to be as large as one can be. */
function room(state: DeliveryState, envelopesMax: number, bytesMax: number): number {
  const byCount = envelopesMax - state.inFlight.size;
  const byBytes = Math.floor((bytesMax - state.inFlightBytes) / LIMITS.envelopeBytesMax);
  return Math.max(0, Math.min(PAGE_MAX, byCount, byBytes));
}

/** `urgentOnlyDone`: there is no room for ordinary ones and urgent ones are read to the end; wait for an ack. */
function readIfRoom(state: DeliveryState, effects: readonly DeliveryEffect[], urgentOnlyDone = false): DeliveryStep {
  const ordinary = room(state, WINDOW_MAX, WINDOW_BYTES_MAX);
  const urgent = room(state, WINDOW_MAX + URGENT_ROOM, WINDOW_BYTES_MAX + URGENT_ROOM_BYTES);
  if (!state.more || state.reading || urgent === 0 || urgentOnlyDone) return { state, effects };
  const read: ReadEffect = {
    type: 'read',
    urgent: { afterSeq: state.urgentAfter, limit: urgent },
    // Urgent ones found by the same read take of the same room; the overshoot is at most a page.
    ordinary: { afterSeq: state.ordinaryAfter, limit: ordinary },
  };
  return { state: { ...state, reading: true, more: false }, effects: [...effects, read] };
}
