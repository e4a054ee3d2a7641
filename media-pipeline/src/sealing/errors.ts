/** The blob is not what its sender sealed: changed, cut, reordered, or opened with the wrong key or length. */
export class BlobTamperedError extends Error {
  constructor(words: string, cause?: unknown) {
    super(words, { cause });
    this.name = 'BlobTamperedError';
  }
}
