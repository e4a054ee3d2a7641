// The store, with what changed in it told after it is durable: a screen never
// shows what a crash would take back.

import { readConversation } from '../conversations/conversations.ts';
import type { Emitter } from '../events.ts';
import type { Conversation, Message } from '../model.ts';
import type { Store, StoreTransaction } from '../ports.ts';

/** What a transaction changed, by key, so that each is told once. */
export class Changes {
  readonly messages = new Map<string, Message>();
  readonly conversations = new Set<string>();

  message(message: Message): void {
    this.messages.set(`${message.conversation}/${message.id}`, message);
    this.conversations.add(message.conversation);
  }

  conversation(accountId: string): void {
    this.conversations.add(accountId);
  }
}

export class Ledger {
  readonly #store: Store;
  readonly #emitter: Emitter;

  constructor(store: Store, emitter: Emitter) {
    this.#store = store;
    this.#emitter = emitter;
  }

  /** One transaction; its changes are told once it is durable. */
  async change<T>(run: (tx: StoreTransaction, changes: Changes) => Promise<T>): Promise<T> {
    const done = await this.#store.transaction(async (tx) => {
      const changes = new Changes();
      const result = await run(tx, changes);
      const conversations: Conversation[] = [];
      for (const accountId of changes.conversations) {
        const conversation = await readConversation(tx, accountId);
        if (conversation) conversations.push(conversation);
      }
      return { result, messages: [...changes.messages.values()], conversations };
    });
    for (const message of done.messages) this.#emitter.emit('message', message);
    for (const conversation of done.conversations) this.#emitter.emit('conversation', conversation);
    return done.result;
  }

  read<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return this.#store.transaction(run);
  }
}
