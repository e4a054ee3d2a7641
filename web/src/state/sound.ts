// Browsers may refuse sound before a press on the page; then a button asks for one.
import { signal } from '@preact/signals';

export const soundBlocked = signal(false);
const silent = new Set<HTMLMediaElement>();

export async function playOut(element: HTMLMediaElement): Promise<void> {
  try {
    await element.play();
    silent.delete(element);
  } catch (error) {
    // AbortError only means that the source was changed meanwhile.
    if (error instanceof DOMException && error.name === 'NotAllowedError') silent.add(element);
  }
  soundBlocked.value = silent.size > 0;
}

export function forgetPlayer(element: HTMLMediaElement): void {
  silent.delete(element);
  soundBlocked.value = silent.size > 0;
}

export async function allowSound(): Promise<void> {
  await Promise.all([...silent].map(playOut));
}
