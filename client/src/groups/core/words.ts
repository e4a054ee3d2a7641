// What a step of a group's roster looks like to a person.
import type { AccountId } from '@carillon/protocol';
import type { Step } from './chain.ts';

/** Longer lists of names only fill the screen. */
const NAMES_MAX = 5;

/** `nameOf` an account; ours is `self`. */
export function stepWords(step: Step, self: AccountId, nameOf: (account: AccountId) => string): string[] {
  const { before, after, read } = step;
  const by = read.by.accountId;
  const who = by === self ? 'You' : nameOf(by);
  const whom = (account: AccountId) => (account === self ? 'you' : nameOf(account));
  if (!before) return [`${who} created the group.`];
  const words: string[] = [];
  const added = read.change.put.map(({ accountId }) => accountId).filter((id) => !before.members.has(id));
  if (added.length > 0) words.push(`${who} added ${list(added.map(whom))}.`);
  for (const { accountId, role } of read.change.put) {
    if (added.includes(accountId) || before.members.get(accountId) === role) continue;
    const now = role === 'admin' ? 'an administrator' : 'an ordinary member again';
    words.push(`${who} made ${whom(accountId)} ${now}.`);
  }
  const removed = read.change.removed.filter((accountId) => accountId !== by);
  if (removed.length > 0) words.push(`${who} removed ${list(removed.map(whom))}.`);
  if (read.change.removed.includes(by)) words.push(`${who} left the group.`);
  for (const [accountId, role] of after.members) {
    const named = read.change.put.some((put) => put.accountId === accountId);
    if (named || role === before.members.get(accountId)) continue;
    words.push(`${accountId === self ? 'You are' : `${nameOf(accountId)} is`} an administrator now.`);
  }
  return words;
}

export function list(names: readonly string[]): string {
  const shown = names.length > NAMES_MAX ? [...names.slice(0, NAMES_MAX), `${names.length - NAMES_MAX} more`] : names;
  return shown.length < 2 ? shown.join('') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}
