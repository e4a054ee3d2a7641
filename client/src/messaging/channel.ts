// The encrypted channel as calls use it, over the same sessions and lanes as
// messages.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { pad } from '@carillon/messaging-core/e2ee';
import {
  type AccountId,
  type Address,
  type CallId,
  CallOutcome,
  type Content,
  type ContentSchema,
  type DeviceId,
  ProtocolError,
} from '@carillon/protocol';
import type { AccessTokens } from '../account/accessTokens.ts';
import { backoffMs } from '../connection/backoff.ts';
import { contactView } from '../contacts/contactRecord.ts';
import type { Directory } from '../contacts/directory.ts';
import { isAccepted } from '../conversations/conversations.ts';
import { newMessageId, recordCall } from '../conversations/writing.ts';
import { copyCall } from '../devices/ownCopies.ts';
import type { Account, Contact } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { encodeContent } from './content.ts';
import type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from './contentChannel.ts';
import type { EnvelopeSender } from './envelopeSender.ts';
import type { MessagingSocket } from './messagingSocket.ts';
import { enqueue, isPassing, type Outbox } from './outbox.ts';
import type { Sealed } from './sessions.ts';

export type ContentKind = NonNullable<Content['body']['case']>;

/** How long something urgent tries: a call that cannot be announced by then has failed. */
const URGENT_TRY_MS = 10_000;

export interface ChannelParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly socket: MessagingSocket;
  readonly tokens: AccessTokens;
  readonly directory: Directory;
  readonly sender: EnvelopeSender;
  readonly outbox: Outbox;
  readonly account: () => Account;
  readonly serverNow: () => number;
}

const OUTCOMES = {
  missed: CallOutcome.MISSED,
  completed: CallOutcome.COMPLETED,
  declined: CallOutcome.DECLINED,
} as const;

const logEntry = (call: Parameters<ContentChannel['recordCall']>[0]) => ({
  callId: call.callId,
  outcome: OUTCOMES[call.outcome],
  video: call.video,
  startedAtMs: BigInt(Math.max(0, Math.trunc(call.startedAtMs))),
  durationMs: Math.max(0, Math.trunc(call.durationMs)),
  byLink: call.byLink ?? false,
});

export class Channel implements ContentChannel {
  readonly #parts: ChannelParts;
  readonly #listeners = new Map<ContentKind, Set<(received: ReceivedContent) => void>>();

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  get account(): Account {
    return this.#parts.account();
  }

  accessToken(refused = false): Promise<string> {
    if (refused) this.#parts.tokens.forget();
    return this.#parts.tokens.get();
  }

  async sendToAccount(
    to: AccountId,
    body: (device: DeviceId) => ContentBody,
    options: SendOptions = {},
  ): Promise<DeviceId[]> {
    const encode = (device: DeviceId) => this.#encode(body(device));
    if (options.urgent) return this.#sendUrgent(to, encode, options);
    const contact = await this.#parts.directory.byId(to);
    return this.#sendDurably(to, encode, encode(contact.devices[0] ?? (1 as DeviceId)), options);
  }

  async sendToDevice(to: Address, body: ContentBody, options: SendOptions = {}): Promise<void> {
    const content = this.#encode(body);
    const nothing = pad(new Uint8Array(0));
    const encode = (device: DeviceId) => (device === to.deviceId ? content : nothing);
    const devices = options.urgent
      ? await this.#sendUrgent(to.accountId, encode, options)
      : await this.#sendDurably(to.accountId, encode, content, options, to.deviceId);
    if (!devices.includes(to.deviceId)) throw new ProtocolError('device-unknown');
  }

  onContent(kind: ContentKind, listener: (received: ReceivedContent) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  }

  /** Tells whoever listens for this kind. */
  received(received: ReceivedContent): void {
    const kind = received.content.body.case;
    if (kind === undefined) return;
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listener(received);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  serverNow(): number {
    return this.#parts.serverNow();
  }

  isAccepted(accountId: AccountId): Promise<boolean> {
    return this.#parts.ledger.read((tx) => isAccepted(tx, accountId));
  }

  async contact(accountId: AccountId): Promise<Contact> {
    return contactView(await this.#parts.directory.byId(accountId));
  }

  async recordCall(entry: Parameters<ContentChannel['recordCall']>[0]): Promise<void> {
    await this.#parts.directory.byId(entry.with);
    const { ledger, outbox, account } = this.#parts;
    const isTold = await ledger.change(async (tx, changes) => {
      await recordCall(tx, changes, { ...entry, callId: entry.callId as CallId });
      if (entry.concluded) return false;
      return copyCall(tx, this.#parts, { with: entry.with, outgoing: entry.outgoing, entry: logEntry(entry) });
    });
    if (isTold) outbox.kickLane(account().accountId);
  }

  #encode(body: MessageInitShape<typeof ContentSchema>['body']): Uint8Array {
    return encodeContent(this.account, body as ContentBody, this.#parts.platform.now());
  }

  /** Past the outbox: at once, for seconds, and forgotten with the page. */
  async #sendUrgent(
    to: AccountId,
    encode: (device: DeviceId) => Uint8Array,
    options: SendOptions,
  ): Promise<DeviceId[]> {
    const { platform, socket, sender } = this.#parts;
    const leftMs = (options.expiresAtMs ?? Number.POSITIVE_INFINITY) - this.serverNow();
    const giveUpAtMs = platform.now() + Math.min(URGENT_TRY_MS, leftMs);
    const messageId = newMessageId(platform.crypto);
    let sealed: readonly Sealed[] = [];
    const keep = async (_tx: StoreTransaction, now: readonly Sealed[]) => {
      sealed = now;
    };
    for (let attempt = 0; ; attempt++) {
      try {
        await socket.online(Math.max(0, giveUpAtMs - platform.now()));
        const draft = { messageId, to, urgent: true, expiresAtMs: options.expiresAtMs ?? 0, encode, sealed, keep };
        return (await sender.send(draft)).devices;
      } catch (error) {
        const waitMs = backoffMs(attempt, Math.random());
        const again = error instanceof ProtocolError && isPassing(error) && platform.now() + waitMs < giveUpAtMs;
        if (!again) throw error;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  /** Through the outbox. After a restart every device gets what the first would have got. */
  async #sendDurably(
    to: AccountId,
    encode: (device: DeviceId) => Uint8Array,
    content: Uint8Array,
    options: SendOptions,
    only?: DeviceId,
  ): Promise<DeviceId[]> {
    const { platform, ledger, outbox } = this.#parts;
    const messageId = newMessageId(platform.crypto);
    const sent = outbox.watch(messageId, encode);
    sent.catch(() => {});
    try {
      const expiresAtMs = options.expiresAtMs ?? 0;
      await ledger.change((tx) => enqueue(tx, { messageId, to, content, only, expiresAtMs }));
    } catch (error) {
      outbox.unwatch(messageId);
      throw error;
    }
    outbox.kickLane(to);
    return sent;
  }
}
