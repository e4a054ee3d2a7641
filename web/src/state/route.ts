// Which conversation is open, kept in the address, so that reload and the
// back button do what people expect: `#/chat/<handle>`.
import { computed, signal } from '@preact/signals';
import { conversationByHandle } from './conversations.ts';

const PREFIX = '#/chat/';

function handleInAddress(): string | undefined {
  if (!location.hash.startsWith(PREFIX)) return undefined;
  try {
    return decodeURIComponent(location.hash.slice(PREFIX.length));
  } catch {
    return undefined;
  }
}

export const openHandle = signal(handleInAddress());
export const openConversation = computed(() =>
  openHandle.value === undefined ? undefined : conversationByHandle(openHandle.value),
);

export function followAddress(): void {
  addEventListener('hashchange', () => {
    openHandle.value = handleInAddress();
  });
}

export function showConversation(handle: string): void {
  location.hash = PREFIX + encodeURIComponent(handle);
  openHandle.value = handle;
}

export function showList(): void {
  // An empty hash would scroll and leave a `#`; this keeps the history entry clean.
  history.pushState(undefined, '', location.pathname + location.search);
  openHandle.value = undefined;
}
