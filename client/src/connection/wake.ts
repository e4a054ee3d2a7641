/**
 * Calls back when a connection is worth trying at once: the network is back, or
 * the person looks at the page again. Node has no such events. Returns the way to stop.
 */
export function onWake(listener: () => void): () => void {
  const page = globalThis as Partial<Pick<Window, 'addEventListener' | 'removeEventListener' | 'document'>>;
  if (!page.addEventListener || !page.removeEventListener) return () => {};
  const onVisible = () => {
    if (page.document?.visibilityState === 'visible') listener();
  };
  page.addEventListener('online', listener);
  page.document?.addEventListener('visibilitychange', onVisible);
  return () => {
    page.removeEventListener?.('online', listener);
    page.document?.removeEventListener('visibilitychange', onVisible);
  };
}
