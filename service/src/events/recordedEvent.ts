// Events as text, in whichever log they are kept.
import type { CarillonEvent, RecordedEvent } from './eventLog.ts';

export function encodeEvent(event: CarillonEvent): string {
  return JSON.stringify(event);
}

/**
 * Undefined for what is no event: a log that others can write to must not stop its consumers. A type that this
 * version does not know is passed on: consumers look for those they know.
 */
export function decodeEvent(position: string, atMs: number, text: string): RecordedEvent | undefined {
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event !== 'object' || event === null || !('type' in event) || typeof event.type !== 'string')
      return undefined;
    return { position, atMs: Number.isFinite(atMs) ? atMs : 0, event: event as CarillonEvent };
  } catch {
    return undefined;
  }
}
