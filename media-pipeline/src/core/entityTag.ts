// Entity tags and the preconditions made of them (RFC 9110 §8.8.3, §13). A blob's
// id is the hash of its bytes, hence a strong tag that can never be wrong.

const TAG = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/g;

export function entityTag(blobId: string): string {
  return `"${blobId}"`;
}

/** If-None-Match compares weakly (§13.1.2): true means 304. */
export function noneMatchHits(header: string | undefined, blobId: string): boolean {
  if (header === undefined) return false;
  if (header.trim() === '*') return true;
  return [...header.matchAll(TAG)].some((match) => match[2] === blobId);
}

/** If-Range compares strongly (§13.1.5); a date never matches, as blobs carry none. */
export function ifRangeAllows(header: string | undefined, blobId: string): boolean {
  return header === undefined || header.trim() === entityTag(blobId);
}
