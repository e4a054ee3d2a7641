// Byte streams come in pieces of any size; chunks have one size, but for the last.

type Bytes = Uint8Array<ArrayBuffer>;

export type ByteSource = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Pieces of exactly `pieceBytes`, the last one of what is left; each a copy of its own. */
export async function* rechunk(source: ByteSource, pieceBytes: number): AsyncGenerator<Bytes> {
  let piece = new Uint8Array(pieceBytes);
  let filled = 0;
  for await (const part of source) {
    for (let at = 0; at < part.length; ) {
      const take = Math.min(pieceBytes - filled, part.length - at);
      piece.set(part.subarray(at, at + take), filled);
      filled += take;
      at += take;
      if (filled === pieceBytes) {
        yield piece;
        piece = new Uint8Array(pieceBytes);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}

/** The source, checked to have `sizeBytes`, then zeros up to `paddedBytes`. @throws RangeError */
export async function* padded(source: ByteSource, sizeBytes: number, paddedBytes: number): AsyncGenerator<Uint8Array> {
  let seen = 0;
  for await (const part of source) {
    seen += part.length;
    if (seen > sizeBytes) break;
    yield part;
  }
  if (seen !== sizeBytes) throw new RangeError('the source has not the length that was announced');
  const zeros = new Uint8Array(64 * 1024);
  for (let left = paddedBytes - sizeBytes; left > 0; left -= zeros.length) {
    yield zeros.subarray(0, Math.min(left, zeros.length));
  }
}
