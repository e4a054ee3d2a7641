// Whether others are online: asked of the server only for conversations that are
// open, and shown only to who shows themselves [PRES-10].
import { type AccountId, bytesToBase64url, type Presence, ProtocolError } from '@carillon/protocol';
import { isAccepted } from '../conversations/conversations.ts';
import type { Emitter } from '../events.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { PresenceView } from '../model.ts';
import type { Ledger } from '../store/ledger.ts';
import { readSettings, readTheirPresenceKey } from './settings.ts';

export interface PresenceParts {
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly emitter: Emitter;
}

export class PresenceWatcher {
  readonly #parts: PresenceParts;
  /** How often each is open. */
  readonly #open = new Map<AccountId, number>();
  readonly #shown = new Map<AccountId, PresenceView>();
  /** What the server was last asked for, on this connection; the same is not asked again. */
  readonly #asked = new Map<AccountId, string>();
  /** One question at a time for each, the last one counts. */
  readonly #asking = new Map<AccountId, Promise<void>>();

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  open(account: AccountId): () => void {
    this.#open.set(account, (this.#open.get(account) ?? 0) + 1);
    const shown = this.#shown.get(account);
    if (shown) this.#parts.emitter.emit('presence', shown);
    this.look(account);
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      const left = (this.#open.get(account) ?? 1) - 1;
      if (left > 0) this.#open.set(account, left);
      else this.#open.delete(account);
      if (left <= 0) this.look(account);
    };
  }

  isOpen(account: AccountId): boolean {
    return this.#open.has(account);
  }

  /** A new connection, other settings: everything that is open is asked for anew. */
  lookAgain(): void {
    this.#asked.clear();
    for (const account of this.#open.keys()) this.look(account);
  }

  /** Brings the server's watch in line with what is open and allowed. */
  look(account: AccountId): void {
    const before = this.#asking.get(account) ?? Promise.resolve();
    const asking = before
      .then(() => this.#look(account))
      .catch(() => {
        // The next connection looks again.
      })
      .finally(() => {
        if (this.#asking.get(account) === asking) this.#asking.delete(account);
      });
    this.#asking.set(account, asking);
  }

  /** The server says so. */
  told(presence: Presence): void {
    const account = presence.accountId as AccountId;
    if (!this.#open.has(account)) return;
    const { visible, online } = presence;
    this.#show({
      accountId: account,
      visible,
      online: visible && online,
      lastSeenMs: visible ? Number(presence.lastSeenMs) : 0,
    });
  }

  connectionLost(): void {
    for (const [account, { visible, lastSeenMs }] of this.#shown) {
      if (visible) this.#show({ accountId: account, visible: false, online: false, lastSeenMs });
    }
  }

  async #look(account: AccountId): Promise<void> {
    const { ledger, socket } = this.#parts;
    if (!socket.isOnline) return;
    const { may, key } = await ledger.read(async (tx) => ({
      may: (await readSettings(tx)).presence !== 'nobody' && (await isAccepted(tx, account)),
      key: await readTheirPresenceKey(tx, account),
    }));
    const watch = this.#open.has(account) && may;
    if (!watch && !this.#asked.has(account)) return;
    const question = watch ? bytesToBase64url(key ?? new Uint8Array()) : undefined;
    if (watch && this.#asked.get(account) === question) return;
    if (question === undefined) this.#asked.delete(account);
    else this.#asked.set(account, question);
    try {
      const value = { accountId: account, watch, ...(key ? { presenceKey: key } : {}) };
      const presence = await socket.request({ case: 'watchPresence', value }, 'presence');
      if (watch) this.told(presence);
      else this.#hide(account);
    } catch (error) {
      if (!(error instanceof ProtocolError) || error.code !== 'presence-hidden') {
        this.#asked.delete(account);
        throw error;
      }
      this.#hide(account);
    }
  }

  #hide(account: AccountId): void {
    this.#show({ accountId: account, visible: false, online: false, lastSeenMs: 0 });
    this.#shown.delete(account);
  }

  #show(view: PresenceView): void {
    const old = this.#shown.get(view.accountId);
    this.#shown.set(view.accountId, view);
    const isSame =
      old && old.visible === view.visible && old.online === view.online && old.lastSeenMs === view.lastSeenMs;
    if (!isSame) this.#parts.emitter.emit('presence', view);
  }
}
