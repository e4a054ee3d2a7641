export type SFrameErrorCode =
  /** Too short, or a header that is not minimal (RFC 9605 §4.3). */
  | 'malformed'
  /** No key with this KID (yet): the frame may be tried again once one has come. */
  | 'unknown-key'
  /** It does not open under its key. */
  | 'not-authentic'
  /** It was opened before, or is older than the window. */
  | 'replayed'
  /** It carries the KID of somebody else. */
  | 'wrong-sender'
  /** The sender has used up its counters; it needs a fresh key. */
  | 'counter-exhausted';

export class SFrameError extends Error {
  readonly code: SFrameErrorCode;

  constructor(code: SFrameErrorCode, words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'SFrameError';
    this.code = code;
  }
}
