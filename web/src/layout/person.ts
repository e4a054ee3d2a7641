import type { AccountId } from '@carillon/client';

/** One or two letters that stand for a person: the first of the first and of the last word. */
export function initials(name: string): string {
  const words = name
    .trim()
    .split(/[\s._-]+/u)
    .filter((word) => /[\p{L}\p{N}]/u.test(word));
  const first = [...(words[0] ?? '?')][0] ?? '?';
  const last = words.length > 1 ? ([...words.at(-1)!][0] ?? '') : '';
  return (first + last).toLocaleUpperCase('en');
}

/** How many avatar colours the style sheet has (`--avatar-0` onwards). */
export const AVATAR_COLOURS = 8;

/** The same person has the same colour on every device: it comes from the account id (FNV-1a, 32 bit). */
export function avatarColour(accountId: AccountId): number {
  let hash = 0x811c9dc5;
  for (const char of accountId) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash % AVATAR_COLOURS;
}
