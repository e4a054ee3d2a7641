/**
 * Calls `wake` when a connection is worth trying at once: the network is back, or
 * the person looks at the page again; `lost` when the browser says that the network
 * is gone. Node has no such events. Returns the way to stop.
 */
export function onNetwork({ wake, lost }: { wake(): void; lost(): void }): () => void {
  const page = globalThis as Partial<Pick<Window, 'addEventListener' | 'removeEventListener' | 'document'>>;
  if (!page.addEventListener || !page.removeEventListener) return () => {};
  const onVisible = () => {
    if (page.document?.visibilityState === 'visible') wake();
  };
  page.addEventListener('online', wake);
  page.addEventListener('offline', lost);
  page.document?.addEventListener('visibilitychange', onVisible);
  return () => {
    page.removeEventListener?.('online', wake);
    page.removeEventListener?.('offline', lost);
    page.document?.removeEventListener('visibilitychange', onVisible);
  };
}
