// The store, with what changed in it told after it is durable: a screen never
// shows what a crash would take back.

import { isGroupId } from '@carillon/protocol';
import { readConversation } from '../conversations/conversations.ts';
import type { Emitter } from '../events.ts';
import type { Conversation, GroupView, Message } from '../model.ts';
import type { Store, StoreTransaction } from '../ports.ts';

/** What a transaction changed, by key, so that each is told once. */
export class Changes {
  readonly messages = new Map<string, Message>();
  readonly conversations = new Set<string>();
  /** More than their messages: names, members, settings. */
  readonly renewed = new Set<string>();

  message(message: Message): void {
    this.messages.set(`${message.conversation}/${message.id}`, message);
    this.conversations.add(message.conversation);
  }

  conversation(id: string): void {
    this.conversations.add(id);
    this.renewed.add(id);
  }
}

/** Groups whose members are held in memory: the busy ones. */
const GROUPS_MAX = 16;

export class Ledger {
  readonly #store: Store;
  readonly #emitter: Emitter;
  /** A large group has a thousand names: they are looked up when one changes, not with each message. */
  readonly #groups = new Map<string, GroupView>();

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
      const isAnyRenamed = [...changes.renewed].some((id) => !isGroupId(id));
      for (const id of changes.conversations) {
        const known = isAnyRenamed || changes.renewed.has(id) ? undefined : this.#groups.get(id);
        const conversation = await readConversation(tx, id, known);
        if (conversation) conversations.push(conversation);
      }
      return { result, messages: [...changes.messages.values()], conversations, isAnyRenamed };
    });
    if (done.isAnyRenamed) this.#groups.clear();
    for (const { id, group } of done.conversations) {
      if (!group) continue;
      this.#groups.delete(id);
      this.#groups.set(id, group);
      if (this.#groups.size > GROUPS_MAX) this.#groups.delete(this.#groups.keys().next().value!);
    }
    for (const message of done.messages) this.#emitter.emit('message', message);
    for (const conversation of done.conversations) this.#emitter.emit('conversation', conversation);
    return done.result;
  }

  read<T>(run: (tx: StoreTransaction) => Promise<T>): Promise<T> {
    return this.#store.transaction(run);
  }
}
