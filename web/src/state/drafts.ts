// What has been typed and not yet sent, by conversation: for the life of the
// tab, over reloads. sessionStorage and not localStorage, so that it is gone with the tab.
import type { AccountId } from '@carillon/client';

const key = (accountId: AccountId) => `draft:${accountId}`;

export function draftOf(accountId: AccountId): string {
  return sessionStorage.getItem(key(accountId)) ?? '';
}

export function keepDraft(accountId: AccountId, text: string): void {
  if (text === '') sessionStorage.removeItem(key(accountId));
  else sessionStorage.setItem(key(accountId), text);
}
