// The time as the page shows it. Minutes for lists and separators; seconds only while a call runs.
import { signal } from '@preact/signals';

export const nowMs = signal(Date.now());

export function startClock(): void {
  setInterval(() => {
    nowMs.value = Date.now();
  }, 30_000);
}
