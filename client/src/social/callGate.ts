// The encrypted channel as calls get it: whom we call is accepted, and who is not
// may be kept from ringing here, which they are told; everybody is while the person
// does not want to be disturbed. They hear nothing of it, nor does who is blocked:
// their call is not answered. A call by a call link is different: who is called has
// asked for it, so it passes where it is waited for and nowhere else, and it makes
// nobody accepted.
import {
  type AccountId,
  type Address,
  base64urlToBytes,
  CallOutcome,
  type Content,
  type DeviceId,
} from '@carillon/protocol';
import { acceptConversation, isAccepted } from '../conversations/conversations.ts';
import type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from '../messaging/contentChannel.ts';
import type { Account, Contact } from '../model.ts';
import type { Ledger } from '../store/ledger.ts';
import { isBlocked } from './blocks.ts';
import { QuietRings } from './quietRings.ts';
import { isQuiet, readSettings } from './settings.ts';

/** What is known of calls by call links. */
export interface LinkedCalls {
  /** An invite that names a link: whether this device waits for it. */
  takes(received: ReceivedContent): boolean;
  /** The link's id, base64url, that the invite to this account is by; asked once for each invite. */
  inviting(callId: string, to: AccountId): string | undefined;
  isByLink(callId: string, other: AccountId): boolean;
}

export interface CallGateParts {
  readonly channel: ContentChannel;
  readonly ledger: Ledger;
  readonly now: () => number;
  readonly links: LinkedCalls;
  /** The invite of somebody whom the person has to accept before their calls ring. */
  readonly needsPermission: (received: ReceivedContent) => void;
}

type Kind = NonNullable<Content['body']['case']>;
type Listener = (received: ReceivedContent) => void;

export class CallGate implements ContentChannel {
  readonly #parts: CallGateParts;
  readonly #quiet: QuietRings;
  /** They are being called, and so accepted, though it is not written down yet: they may call at the same moment. */
  readonly #accepting = new Set<AccountId>();
  readonly #stop: () => void;

  constructor(parts: CallGateParts) {
    this.#parts = parts;
    this.#quiet = new QuietRings((entry) => this.recordCall(entry));
    this.#stop = parts.channel.onContent('callLog', (received) => this.#quiet.told(received));
  }

  get account(): Account {
    return this.#parts.channel.account;
  }

  accessToken(refused?: boolean): Promise<string> {
    return this.#parts.channel.accessToken(refused);
  }

  async sendToAccount(
    to: AccountId,
    body: (device: DeviceId) => ContentBody,
    options?: SendOptions,
  ): Promise<DeviceId[]> {
    const { links } = this.#parts;
    let isInvite = false;
    let linkId: string | undefined;
    const seen: typeof body = (device) => {
      const made = body(device);
      if (made.case === 'callLog') {
        return { case: made.case, value: { ...made.value, byLink: links.isByLink(made.value.callId ?? '', to) } };
      }
      if (made.case !== 'callInvite') return made;
      linkId ??= links.inviting(made.value.callId ?? '', to);
      isInvite = true;
      this.#quiet.calling(to, this.#parts.now());
      if (linkId !== undefined) {
        return { case: 'callInvite', value: { ...made.value, linkId: base64urlToBytes(linkId) } };
      }
      this.#accepting.add(to);
      return made;
    };
    try {
      const devices = await this.#parts.channel.sendToAccount(to, seen, options);
      if (isInvite && linkId === undefined) {
        await this.#parts.ledger.change(async (tx, changes) => {
          await acceptConversation(tx, to);
          changes.conversation(to);
        });
      }
      return devices;
    } finally {
      if (isInvite) this.#accepting.delete(to);
    }
  }

  sendToDevice(to: Address, body: ContentBody, options?: SendOptions): Promise<void> {
    return this.#parts.channel.sendToDevice(to, body, options);
  }

  onContent(kind: Kind, listener: Listener): () => void {
    if (kind === 'callLog') {
      return this.#parts.channel.onContent(
        kind,
        (received) => isUnansweredKnock(received.content) || listener(received),
      );
    }
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
    const byLink = this.#parts.links.isByLink(entry.callId, entry.with);
    return this.#parts.channel.recordCall({ ...entry, byLink });
  }

  close(): void {
    this.#stop();
    this.#quiet.close();
  }

  async #admit(received: ReceivedContent, ring: Listener): Promise<void> {
    const { ledger, now, links, needsPermission } = this.#parts;
    const { accountId } = received.from;
    const { body } = received.content;
    const isByLink = body.case === 'callInvite' && body.value.linkId.length > 0;
    const wish = await ledger.read(async (tx) => {
      if (await isBlocked(tx, accountId)) return 'nothing';
      if (isByLink) return 'link';
      const settings = await readSettings(tx);
      const isWanted = this.#accepting.has(accountId) || (await isAccepted(tx, accountId));
      if (settings.callsFrom !== 'everyone' && !isWanted) return isQuiet(settings, now()) ? 'nothing' : 'refuse';
      return isQuiet(settings, now()) && !this.#quiet.isCalled(accountId, now()) ? 'quiet' : 'ring';
    });
    if (wish === 'ring' || (wish === 'link' && links.takes(received))) ring(received);
    else if (wish === 'quiet') this.#quiet.hush(received);
    else if (wish === 'refuse') needsPermission(received);
  }
}

/** Who knocked at a link and was not there any more has missed no call. */
function isUnansweredKnock({ body }: Content): boolean {
  if (body.case !== 'callLog' || !body.value.byLink) return false;
  return body.value.outcome === CallOutcome.MISSED || body.value.outcome === CallOutcome.RINGING;
}
