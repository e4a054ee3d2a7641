// Short words that come and go at the edge of the page.
import { signal } from '@preact/signals';

export interface Toast {
  readonly id: number;
  readonly words: string;
  readonly tone: 'info' | 'problem';
}

/** More at once would hide the page; the oldest gives way. */
const TOASTS_MAX = 3;
/** Long enough to read two lines slowly; WCAG 2.2.1 asks that nothing needed vanishes, so each stays dismissable and harmless. */
const TOAST_MS = 9_000;

export const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

export function dismiss(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

export function notify(words: string, tone: Toast['tone'] = 'info'): void {
  if (toasts.value.some((toast) => toast.words === words)) return;
  lastId += 1;
  const id = lastId;
  toasts.value = [...toasts.value, { id, words, tone }].slice(-TOASTS_MAX);
  setTimeout(() => dismiss(id), TOAST_MS);
}
