// The encrypted channel as calls get it: whom we call is accepted, and who is not
// may be kept from ringing here, as everybody is while the person does not want
// to be disturbed. They hear nothing of it: their call is not answered.
import type { AccountId, Address, Content, DeviceId } from '@carillon/protocol';
import { acceptConversation, isAccepted } from '../conversations/conversations.ts';
import type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from '../messaging/contentChannel.ts';
import type { Account, Contact } from '../model.ts';
import type { Ledger } from '../store/ledger.ts';
import { isBlocked } from './blocks.ts';
import { QuietRings } from './quietRings.ts';
import { isQuiet, readSettings } from './settings.ts';

export interface CallGateParts {
  readonly channel: ContentChannel;
  readonly ledger: Ledger;
  readonly now: () => number;
}

type Kind = NonNullable<Content['body']['case']>;
type Listener = (received: ReceivedContent) => void;

export class CallGate implements ContentChannel {
  readonly #parts: CallGateParts;
  readonly #quiet: QuietRings;
  readonly #stop: () => void;

  constructor(parts: CallGateParts) {
    this.#parts = parts;
    this.#quiet = new QuietRings((entry) => this.recordCall(entry));
    this.#stop = parts.channel.onContent('callLog', (received) => this.#quiet.told(received));
  }

  get account(): Account {
    return this.#parts.channel.account;
  }

  accessToken(): Promise<string> {
    return this.#parts.channel.accessToken();
  }

  async sendToAccount(
    to: AccountId,
    body: (device: DeviceId) => ContentBody,
    options?: SendOptions,
  ): Promise<DeviceId[]> {
    let isInvite = false;
    const seen: typeof body = (device) => {
      const made = body(device);
      isInvite ||= made.case === 'callInvite';
      return made;
    };
    const devices = await this.#parts.channel.sendToAccount(to, seen, options);
    if (isInvite) {
      await this.#parts.ledger.change(async (tx, changes) => {
        await acceptConversation(tx, to);
        changes.conversation(to);
      });
    }
    return devices;
  }

  sendToDevice(to: Address, body: ContentBody, options?: SendOptions): Promise<void> {
    return this.#parts.channel.sendToDevice(to, body, options);
  }

  onContent(kind: Kind, listener: Listener): () => void {
    if (kind !== 'callInvite') return this.#parts.channel.onContent(kind, listener);
    return this.#parts.channel.onContent(kind, (received) => {
      this.#admit(received, listener).catch(() => {
        // The store could not say: what is not known to be wanted does not ring.
      });
    });
  }

  contact(accountId: AccountId): Promise<Contact> {
    return this.#parts.channel.contact(accountId);
  }

  serverNow(): number {
    return this.#parts.channel.serverNow();
  }

  isAccepted(accountId: AccountId): Promise<boolean> {
    return this.#parts.channel.isAccepted(accountId);
  }

  recordCall(entry: Parameters<ContentChannel['recordCall']>[0]): Promise<void> {
    return this.#parts.channel.recordCall(entry);
  }

  close(): void {
    this.#stop();
    this.#quiet.close();
  }

  async #admit(received: ReceivedContent, ring: Listener): Promise<void> {
    const { ledger, now } = this.#parts;
    const { accountId } = received.from;
    const wish = await ledger.read(async (tx) => {
      if (await isBlocked(tx, accountId)) return 'nothing';
      const settings = await readSettings(tx);
      if (settings.callsFrom !== 'everyone' && !(await isAccepted(tx, accountId))) return 'nothing';
      return isQuiet(settings, now()) ? 'quiet' : 'ring';
    });
    if (wish === 'ring') ring(received);
    else if (wish === 'quiet') this.#quiet.hush(received);
  }
}
