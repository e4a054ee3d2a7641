// Carries contents between devices without messaging-core and its envelopes,
// which have tests of their own: the calls half only knows a ContentChannel.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AccountId,
  type Address,
  addressKey,
  base64urlToBytes,
  bytesToBase64url,
  type Content,
  ContentSchema,
  type DeviceId,
} from '@carillon/protocol';
import type { ContentBody, ContentChannel, ReceivedContent } from '../../src/messaging/contentChannel.ts';
import type { Account, Contact } from '../../src/model.ts';

export interface Delivery {
  readonly from: Address;
  readonly to: Address;
  /** base64url of the encoded Content. */
  readonly content: string;
  readonly acceptedAtMs: number;
}

/** Where the devices meet. */
export class ContentHub {
  readonly #devices = new Map<string, (delivery: Delivery) => void>();

  connect(device: Address, deliver: (delivery: Delivery) => void): void {
    this.#devices.set(addressKey(device), deliver);
  }

  send(delivery: Delivery): void {
    this.#devices.get(addressKey(delivery.to))?.(delivery);
  }
}

export interface TestAccount extends Account {
  readonly token: string;
}

export type CallEntry = Parameters<ContentChannel['recordCall']>[0];

export class TestChannel implements ContentChannel {
  readonly account: Account;
  readonly recorded: CallEntry[] = [];
  /** As the person's settings may have it: an invite that it takes reaches nobody else. */
  takesInvite: ((received: ReceivedContent) => void) | undefined;
  readonly #token: string;
  readonly #contacts: readonly Account[];
  readonly #send: (delivery: Delivery) => void;
  readonly #strangers: readonly AccountId[];
  readonly #listeners = new Map<string, Set<(received: ReceivedContent) => void>>();

  constructor(
    self: TestAccount,
    contacts: readonly Account[],
    send: (delivery: Delivery) => void,
    strangers: readonly AccountId[] = [],
  ) {
    this.account = self;
    this.#token = self.token;
    this.#contacts = contacts;
    this.#send = send;
    this.#strangers = strangers;
  }

  async accessToken(): Promise<string> {
    return this.#token;
  }

  async sendToAccount(to: AccountId, body: (device: DeviceId) => ContentBody): Promise<DeviceId[]> {
    const devices = this.#contacts.filter(({ accountId }) => accountId === to).map(({ deviceId }) => deviceId);
    for (const deviceId of devices) await this.sendToDevice({ accountId: to, deviceId }, body(deviceId));
    return devices;
  }

  async sendToDevice(to: Address, body: ContentBody): Promise<void> {
    const { accountId, deviceId } = this.account;
    const content = create(ContentSchema, { body } as MessageInitShape<typeof ContentSchema>);
    const encoded = bytesToBase64url(toBinary(ContentSchema, content));
    this.#send({ from: { accountId, deviceId }, to, content: encoded, acceptedAtMs: Date.now() });
  }

  deliver({ from, content, acceptedAtMs }: Delivery): void {
    const decoded = fromBinary(ContentSchema, base64urlToBytes(content));
    if (decoded.body.case === 'callInvite' && this.takesInvite) {
      this.takesInvite({ from, content: decoded, acceptedAtMs });
    } else this.receive({ from, content: decoded, acceptedAtMs });
  }

  receive(received: ReceivedContent): void {
    for (const listener of this.#listeners.get(received.content.body.case ?? '') ?? []) listener(received);
  }

  onContent(kind: NonNullable<Content['body']['case']>, listener: (received: ReceivedContent) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  async contact(accountId: AccountId): Promise<Contact> {
    const { handle, name } = this.#contacts.find((account) => account.accountId === accountId)!;
    return { accountId, handle, name };
  }

  serverNow(): number {
    return Date.now();
  }

  async isAccepted(accountId: AccountId): Promise<boolean> {
    return !this.#strangers.includes(accountId);
  }

  async recordCall(entry: CallEntry): Promise<void> {
    this.recorded.push(entry);
  }
}
