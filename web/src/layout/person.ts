/** One or two letters that stand for a person or a group: the first of the first and of the last word. */
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

/** The same person, or group, has the same colour on every device: it comes from the id (FNV-1a, 32 bit). */
export function avatarColour(id: string): number {
  let hash = 0x811c9dc5;
  for (const char of id) {
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193) >>> 0;
  }
  return hash % AVATAR_COLOURS;
}
