// Encrypted messages between simulated devices, as messaging promises them to
// calls: opened, once, and dropped by the server when they come too late.
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type { ContentBody, ContentChannel, ReceivedContent, SendOptions } from '@carillon/client/calls';
import {
  type AccountId,
  type Address,
  addressKey,
  type Content,
  ContentSchema,
  type DeviceId,
  type Handle,
} from '@carillon/protocol';
import type { Chance, Scheduler } from './scheduler.ts';

type Entry = Parameters<ContentChannel['recordCall']>[0];

/** Carries what the devices of a world say to each other. */
export class Post {
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #channels = new Map<string, SimChannel>();
  readonly #accepted = new Map<string, boolean>();

  constructor(scheduler: Scheduler, chance: Chance) {
    this.#scheduler = scheduler;
    this.#chance = chance;
  }

  get nowMs(): number {
    return this.#scheduler.nowMs;
  }

  /** A device that reads its messages; the one that it was before reads no more. */
  open(address: Address): SimChannel {
    const channel = new SimChannel(address, this);
    this.#channels.set(addressKey(address), channel);
    return channel;
  }

  devicesOf(account: AccountId): readonly Address[] {
    return [...this.#channels.values()].map(({ account: own }) => own).filter((own) => own.accountId === account);
  }

  isAccepted(by: AccountId, account: AccountId): boolean {
    const key = `${by} ${account}`;
    const known = this.#accepted.get(key) ?? this.#chance.happens(0.8);
    this.#accepted.set(key, known);
    return known;
  }

  send(from: Address, to: Address, body: ContentBody, { expiresAtMs = Number.POSITIVE_INFINITY }: SendOptions): void {
    // Frame keys decide nothing about who is in a call, and are made by clocks outside the world.
    if (body.case === 'frameKey') return;
    const content = create(ContentSchema, { body } as MessageInitShape<typeof ContentSchema>);
    const bytes = toBinary(ContentSchema, content);
    const acceptedAtMs = this.nowMs;
    // Mostly at once; a phone that sleeps takes its time.
    const chance = this.#chance;
    const ms = chance.happens(0.1) ? chance.delay(1_000, 90_000) : chance.delay(30, 1_500);
    this.#scheduler.after(ms, () => {
      if (this.nowMs >= expiresAtMs) return;
      this.#channels.get(addressKey(to))?.deliver({ from, content: fromBinary(ContentSchema, bytes), acceptedAtMs });
    });
  }
}

export class SimChannel implements ContentChannel {
  readonly account: ContentChannel['account'];
  readonly recorded: Entry[] = [];
  isAlive = true;
  readonly #post: Post;
  readonly #listeners = new Map<string, Set<(received: ReceivedContent) => void>>();

  constructor({ accountId, deviceId }: Address, post: Post) {
    this.account = { accountId, deviceId, handle: accountId as unknown as Handle, name: accountId };
    this.#post = post;
  }

  async accessToken(): Promise<string> {
    return addressKey(this.account);
  }

  async sendToAccount(
    to: AccountId,
    body: (device: DeviceId) => ContentBody,
    options: SendOptions = {},
  ): Promise<DeviceId[]> {
    const devices = this.#post.devicesOf(to).map(({ deviceId }) => deviceId);
    for (const deviceId of devices) await this.sendToDevice({ accountId: to, deviceId }, body(deviceId), options);
    return devices;
  }

  async sendToDevice(to: Address, body: ContentBody, options: SendOptions = {}): Promise<void> {
    const { accountId, deviceId } = this.account;
    if (this.isAlive) this.#post.send({ accountId, deviceId }, to, body, options);
  }

  deliver(received: ReceivedContent): void {
    if (!this.isAlive) return;
    for (const listener of [...(this.#listeners.get(received.content.body.case ?? '') ?? [])]) listener(received);
  }

  onContent(kind: NonNullable<Content['body']['case']>, listener: (received: ReceivedContent) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  async contact(accountId: AccountId) {
    return { accountId, handle: accountId as unknown as Handle, name: accountId };
  }

  serverNow(): number {
    return this.#post.nowMs;
  }

  async isAccepted(accountId: AccountId): Promise<boolean> {
    return this.#post.isAccepted(this.account.accountId, accountId);
  }

  async recordCall(entry: Entry): Promise<void> {
    if (this.isAlive) this.recorded.push(entry);
  }
}
