/**
 * Chunks under way at once: WebCrypto works on other threads, so that a few keep
 * it busy. Higher costs that many chunks of memory; lower leaves it waiting.
 */
const IN_FLIGHT_MAX = 8;

/** `work` over a source, in order, a few at a time. */
export async function* pipelined<In, Out>(
  source: AsyncIterable<In>,
  work: (item: In, index: number) => Promise<Out>,
): AsyncGenerator<Out> {
  const underWay: Promise<Out>[] = [];
  let index = 0;
  for await (const item of source) {
    const result = work(item, index++);
    // A failure is thrown when its turn comes; until then it is no unhandled one.
    result.catch(() => undefined);
    underWay.push(result);
    if (underWay.length >= IN_FLIGHT_MAX) yield await underWay.shift()!;
  }
  while (underWay.length > 0) yield await underWay.shift()!;
}
