// Do not disturb, in words, and the times that one can choose.
import { clockTime, sameDay } from './time.ts';

const HOUR_MS = 60 * 60_000;
/** When most people are up again. */
const MORNING_HOUR = 8;

export type QuietChoice = 'off' | 'hour' | 'morning' | 'on';

/** The next morning, by the device's own time zone. */
export function nextMorning(nowMs: number): number {
  const date = new Date(nowMs);
  const day = date.getHours() < MORNING_HOUR ? date.getDate() : date.getDate() + 1;
  return new Date(date.getFullYear(), date.getMonth(), day, MORNING_HOUR).getTime();
}

export function quietFor(choice: QuietChoice, nowMs: number): false | { readonly untilMs?: number } {
  switch (choice) {
    case 'off':
      return false;
    case 'hour':
      return { untilMs: nowMs + HOUR_MS };
    case 'morning':
      return { untilMs: nextMorning(nowMs) };
    case 'on':
      return {};
    default:
      return choice satisfies never;
  }
}

/** `untilMs` infinite: until it is switched off. */
export function quietWords(untilMs: number, nowMs: number, locale: string): string {
  if (untilMs === Number.POSITIVE_INFINITY) return 'until you switch it off';
  const time = clockTime(untilMs, locale);
  return sameDay(untilMs, nowMs) ? `until ${time}` : `until tomorrow, ${time}`;
}
