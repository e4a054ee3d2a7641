// Whose presence somebody on this node watches. A channel an account says only
// that something has changed; what is so is then read, so that the order in
// which nodes speak does not matter.
import type { AccountId } from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import type { PresenceState } from '../../core/switchboard.ts';

type Listener = (presence: PresenceState) => void;

interface Watch {
  readonly listeners: Set<Listener>;
  online: boolean;
  /** Reading now; `again` when something changed meanwhile. */
  reading: boolean;
  again: boolean;
  readonly opened: Promise<() => Promise<void>>;
}

export interface PresenceWatchesOptions {
  readonly link: RedisLink;
  readonly now: () => number;
  readonly channelOf: (accountId: AccountId) => string;
  readonly isActive: (accountId: AccountId) => Promise<boolean>;
}

export class PresenceWatches {
  readonly #options: PresenceWatchesOptions;
  readonly #watches = new Map<AccountId, Watch>();

  constructor(options: PresenceWatchesOptions) {
    this.#options = options;
  }

  async add(accountId: AccountId, onChange: Listener): Promise<() => void> {
    // A listener of its own each time, so that the same function given twice ends twice.
    const listener: Listener = (presence) => onChange(presence);
    const watch = this.#watches.get(accountId) ?? this.#open(accountId);
    watch.listeners.add(listener);
    try {
      await watch.opened;
    } catch (error) {
      this.#remove(accountId, watch, listener);
      throw error;
    }
    return () => this.#remove(accountId, watch, listener);
  }

  /** A node that died said nothing; what was missed while Redis was away neither. */
  checkAll(): void {
    for (const [accountId, watch] of this.#watches) void this.#check(accountId, watch);
  }

  #open(accountId: AccountId): Watch {
    const { link, channelOf, isActive } = this.#options;
    const watch: Watch = {
      listeners: new Set(),
      online: false,
      reading: false,
      again: false,
      opened: link
        .subscribe(channelOf(accountId), () => void this.#check(accountId, watch))
        .then(async (unsubscribe) => {
          watch.online = await isActive(accountId);
          return unsubscribe;
        }),
    };
    this.#watches.set(accountId, watch);
    return watch;
  }

  #remove(accountId: AccountId, watch: Watch, listener: Listener): void {
    if (!watch.listeners.delete(listener) || watch.listeners.size > 0) return;
    if (this.#watches.get(accountId) === watch) this.#watches.delete(accountId);
    // While Redis is away there is no subscription to end.
    watch.opened.then((unsubscribe) => unsubscribe()).catch(() => {});
  }

  async #check(accountId: AccountId, watch: Watch): Promise<void> {
    watch.again = true;
    if (watch.reading) return;
    watch.reading = true;
    try {
      await watch.opened;
      while (watch.again && watch.listeners.size > 0) {
        watch.again = false;
        const online = await this.#options.isActive(accountId);
        if (online === watch.online) continue;
        watch.online = online;
        for (const listener of watch.listeners) listener({ online, lastSeenMs: this.#options.now() });
      }
    } catch {
      // Read again with the next change, or when Redis is back.
    } finally {
      watch.reading = false;
    }
  }
}
