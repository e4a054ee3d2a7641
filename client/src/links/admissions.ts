// Which people are in which calls by a call link. Their invite names the link, and
// whoever is in a call by one is not accepted for anything else.
import type { AccountId } from '@carillon/protocol';
import type { LinkId } from './core/link.ts';

/** Calls remembered, for the record of them; more would only be forgotten later. */
const KNOWN_MAX = 64;

export class Admissions {
  /** Who is being let in: their next invite is by the link. */
  readonly #expected = new Map<AccountId, LinkId>();
  readonly #known = new Map<string, LinkId>();

  expect(account: AccountId, linkId: LinkId): void {
    this.#expected.set(account, linkId);
  }

  /** No invite comes of it. */
  forget(account: AccountId): void {
    this.#expected.delete(account);
  }

  /** An invite to this account is being made: the link that it is by, once. */
  take(callId: string, account: AccountId): LinkId | undefined {
    const linkId = this.#expected.get(account);
    if (linkId === undefined) return undefined;
    this.#expected.delete(account);
    this.note(callId, account, linkId);
    return linkId;
  }

  note(callId: string, account: AccountId, linkId: LinkId): void {
    this.#known.set(`${callId}/${account}`, linkId);
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.keys().next().value!);
  }

  isByLink(callId: string, account: AccountId): boolean {
    return this.#known.has(`${callId}/${account}`);
  }
}
