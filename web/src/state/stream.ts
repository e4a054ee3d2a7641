/** The SDK's model is the same in Node, where a stream is something else; here it is the browser's. */
export function asStream(stream: unknown): MediaStream | undefined {
  return stream instanceof MediaStream ? stream : undefined;
}
