// Signs of writing: sealed like a message, never stored anywhere, sent to those
// who have answered and shown while their conversation is open [PRES-13].
import { type AccountId, type ConversationId, groupIdSchema, isGroupId } from '@carillon/protocol';
import { isAccepted, readConversationRecord } from '../conversations/conversations.ts';
import { newMessageId } from '../conversations/writing.ts';
import type { Emitter } from '../events.ts';
import type { GroupSender } from '../groups/groupSender.ts';
import { memberContact } from '../groups/groupView.ts';
import { encodeContent } from '../messaging/content.ts';
import type { ReceivedContent } from '../messaging/contentChannel.ts';
import type { EnvelopeSender } from '../messaging/envelopeSender.ts';
import type { Account, Message, TypingSign } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';

/** Sooner: more traffic for the same sign; later: it stops and starts again on the other side. */
export const TYPING_EVERY_MS = 5_000;
/** Longer than the pause between two signs, so that it does not flicker. */
export const TYPING_SHOWN_MS = 8_000;
/** In a larger group each sign would wake too many for too little. */
const GROUP_MEMBERS_MAX = 64;

export interface TypingParts {
  readonly platform: Pick<Platform, 'crypto' | 'now'>;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly sender: EnvelopeSender;
  readonly groups: GroupSender;
  readonly account: () => Account;
  readonly isOpen: (conversation: ConversationId) => boolean;
}

export class TypingSigns {
  readonly #parts: TypingParts;
  /** When a sign was last sent; none while the person does not write. */
  readonly #sentAtMs = new Map<ConversationId, number>();
  readonly #shown = new Map<string, { readonly sign: TypingSign; readonly timer: ReturnType<typeof setTimeout> }>();

  constructor(parts: TypingParts) {
    this.#parts = parts;
  }

  /** At each key press, and when the person stops. */
  set(conversation: ConversationId, typing: boolean): void {
    const now = this.#parts.platform.now();
    const last = this.#sentAtMs.get(conversation);
    if (!typing && last === undefined) return;
    if (typing && last !== undefined && now - last < TYPING_EVERY_MS) return;
    if (typing) this.#sentAtMs.set(conversation, now);
    else this.#sentAtMs.delete(conversation);
    if (!this.#parts.isOpen(conversation)) return;
    void this.#send(conversation, typing).catch(() => {
      // It is of the moment: nothing is repeated.
    });
  }

  /** What was written is out: the sign that it is being written ends by itself on the other side. */
  wrote(conversation: ConversationId): void {
    this.#sentAtMs.delete(conversation);
  }

  async received({ from, content }: ReceivedContent): Promise<void> {
    if (content.body.case !== 'typing' || from.accountId === this.#parts.account().accountId) return;
    const { typing } = content.body.value;
    const group = content.groupId === '' ? undefined : groupIdSchema.safeParse(content.groupId).data;
    const conversation: ConversationId = group ?? from.accountId;
    if (!this.#parts.isOpen(conversation)) return;
    const contact = await this.#parts.ledger.read(async (tx) =>
      (await isAccepted(tx, conversation)) ? memberContact(tx, from.accountId) : undefined,
    );
    if (contact) this.#show({ conversation, contact, typing });
  }

  /** Whoever has said it writes no more. */
  arrived(message: Message): void {
    if (message.outgoing || message.status !== 'unread') return;
    this.#end(message.conversation, message.author?.accountId ?? (message.conversation as AccountId));
  }

  close(): void {
    for (const { timer } of this.#shown.values()) clearTimeout(timer);
    this.#shown.clear();
  }

  async #send(conversation: ConversationId, typing: boolean): Promise<void> {
    const { ledger, platform, sender, groups, account } = this.#parts;
    const isWanted = await ledger.read(async (tx) => {
      if (!(await isAccepted(tx, conversation))) return false;
      return isGroupId(conversation) || (await readConversationRecord(tx, conversation))?.heard === true;
    });
    if (!isWanted) return;
    const groupId = isGroupId(conversation) ? conversation : undefined;
    const content = encodeContent(account(), { case: 'typing', value: { typing } }, platform.now(), { groupId });
    if (groupId) await groups.sendEphemeral(groupId, content, GROUP_MEMBERS_MAX);
    else await sender.sendEphemeral(conversation as AccountId, newMessageId(platform.crypto), content);
  }

  #show(sign: TypingSign): void {
    const { conversation, contact } = sign;
    this.#end(conversation, contact.accountId, !sign.typing);
    if (!sign.typing) return;
    const timer = setTimeout(() => this.#end(conversation, contact.accountId), TYPING_SHOWN_MS);
    this.#shown.set(key(conversation, contact.accountId), { sign, timer });
    this.#parts.emitter.emit('typing', sign);
  }

  #end(conversation: ConversationId, account: AccountId, isTold = true): void {
    const shown = this.#shown.get(key(conversation, account));
    if (!shown) return;
    clearTimeout(shown.timer);
    this.#shown.delete(key(conversation, account));
    if (isTold) this.#parts.emitter.emit('typing', { ...shown.sign, typing: false });
  }
}

const key = (conversation: ConversationId, account: AccountId) => `${conversation}/${account}`;
