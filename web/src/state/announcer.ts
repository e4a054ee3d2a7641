// Words for the screen reader only: one polite live region for the whole page.
import { signal } from '@preact/signals';

export const announcement = signal('');

export function announce(words: string): void {
  // The same words twice are said twice only if the text changes; a trailing space is not read aloud.
  announcement.value = announcement.value === words ? `${words} ` : words;
}
