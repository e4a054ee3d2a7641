// Names for the people in calls, asked for once.
import type { AccountId } from '@carillon/protocol';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { Contact } from '../model.ts';

export class KnownContacts {
  readonly #channel: ContentChannel;
  readonly #contacts = new Map<AccountId, Contact>();

  constructor(channel: ContentChannel) {
    this.#channel = channel;
  }

  of(account: AccountId): Contact {
    return this.#contacts.get(account) ?? ({ accountId: account, handle: '', name: 'Someone' } as unknown as Contact);
  }

  /** Whether any name is new. */
  async learn(accounts: readonly AccountId[]): Promise<boolean> {
    const self = this.#channel.account.accountId;
    const unknown = accounts.filter((account) => !this.#contacts.has(account) && account !== self);
    await Promise.all(
      unknown.map(async (account) => {
        try {
          this.#contacts.set(account, await this.#channel.contact(account));
        } catch {
          // Nameless until the directory answers; the next change asks again.
        }
      }),
    );
    return unknown.some((account) => this.#contacts.has(account));
  }
}
