/** What the server takes as one blob, less the sealing's overhead (protocol/src/limits.ts); said before an upload rather than after. */
export const BLOB_BYTES_MAX = 2_000_000_000;
