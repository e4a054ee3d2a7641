// Who may see whether somebody is there.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { PrivacyRecord } from './messagingStore.ts';

export const PRESENCE_KEY_BYTES = 16;
export const PRESENCE_KEY_DIGEST_BYTES = 32;

/** What a watcher showed, kept as its digest: the key itself is of no use to the server. */
export function presenceKeyDigest(key: Uint8Array): Uint8Array | undefined {
  return key.length === 0 ? undefined : new Uint8Array(createHash('sha256').update(key).digest());
}

export function maySeePresence(privacy: PrivacyRecord, isBlocked: boolean, shown: Uint8Array | undefined): boolean {
  if (isBlocked) return false;
  switch (privacy.presence) {
    case 'everyone':
      return true;
    case 'nobody':
      return false;
    case 'key-holders': {
      const wanted = privacy.presenceKeyDigest;
      if (!wanted || !shown || wanted.length !== shown.length) return false;
      return timingSafeEqual(wanted, shown);
    }
    default:
      return privacy.presence satisfies never;
  }
}
