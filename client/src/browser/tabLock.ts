// One tab at a time: two would move the same ratchets on and lose messages.

/** A page that is just being left still holds the lock for a moment. */
const WAIT_MS = 3_000;

/**
 * Holds the lock until the returned function is called, or the page goes away.
 * @throws Error in words when another tab has it
 */
export async function lockTab(name: string): Promise<() => void> {
  if (!navigator.locks) return () => {};
  const held = Promise.withResolvers<void>();
  const got = Promise.withResolvers<void>();
  const waiting = AbortSignal.timeout(WAIT_MS);
  navigator.locks
    .request(name, { signal: waiting }, () => {
      got.resolve();
      return held.promise;
    })
    .catch((error: unknown) => got.reject(error));
  try {
    await got.promise;
  } catch (cause) {
    throw new Error('Carillon is open in another tab. Go on there, or close that tab and load this page again.', {
      cause,
    });
  }
  return () => held.resolve();
}
