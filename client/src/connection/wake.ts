/** Whether a page is looked at; where there are no pages, somebody is taken to look. */
export const isVisible = (): boolean =>
  (globalThis as Partial<Pick<Window, 'document'>>).document?.visibilityState !== 'hidden';

/**
 * Calls `wake` when a connection is worth trying at once: the network is back, or
 * the person looks at the page again; `lost` when the browser says that the network
 * is gone; `visible` when the page is shown or hidden. Node has no such events. Returns the way to stop.
 */
export function onNetwork({
  wake,
  lost,
  visible,
}: {
  wake(): void;
  lost(): void;
  visible?(isVisible: boolean): void;
}): () => void {
  const page = globalThis as Partial<Pick<Window, 'addEventListener' | 'removeEventListener' | 'document'>>;
  if (!page.addEventListener || !page.removeEventListener) return () => {};
  const onVisible = () => {
    visible?.(isVisible());
    if (isVisible()) wake();
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
