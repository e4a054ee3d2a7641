// How much of a group's kept changes answers a fetch, and whether a change was
// carried out before.
import type { GroupChangeRecord } from './messagingStore.ts';

/** Changes in one reply. More would let one fetch of a busy group fill a socket's buffer; the device asks on from the last it got. */
export const CHANGES_BYTES_MAX = 128 * 1024;

/** A device that did not hear the answer sends the same bytes again. */
export function isSameChange(kept: GroupChangeRecord | undefined, change: GroupChangeRecord): boolean {
  if (kept?.revision !== change.revision || kept.signedChange.length !== change.signedChange.length) return false;
  return kept.signedChange.every((byte, index) => byte === change.signedChange[index]);
}
