import type { OwnDeviceView } from '@carillon/client';
import { daysBetween, listTime } from './time.ts';

/** `Main device, this one` or `Linked yesterday, last seen Monday`. */
export function ownDeviceWords(device: OwnDeviceView, nowMs: number, locale: string): string {
  const what = device.primary ? 'Main device' : 'Linked';
  if (device.current) return `${what} · this one`;
  if (device.connected) return `${what} · connected now`;
  if (device.lastSeenMs <= 0) return `${what} · not seen yet`;
  const days = daysBetween(device.lastSeenMs, nowMs);
  // Known to the hour only: a clock time would promise more.
  return `${what} · last seen ${days <= 0 ? 'today' : days === 1 ? 'yesterday' : listTime(device.lastSeenMs, nowMs, locale)}`;
}
