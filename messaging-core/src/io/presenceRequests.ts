// Presence, its audience, and blocks.
import {
  addressKey,
  LIMITS,
  type ListBlockedRequest,
  PresenceAudience,
  ProtocolError,
  type SetBlockedRequest,
  type SetPresenceRequest,
  type SetPrivacyRequest,
  type WatchPresenceRequest,
} from '@carillon/protocol';
import type { MessagingStore, PresenceAudienceName, PrivacyRecord } from '../core/messagingStore.ts';
import { PRESENCE_KEY_BYTES, PRESENCE_KEY_DIGEST_BYTES } from '../core/presence.ts';
import { checkedAccountId } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { PresenceWatches } from './presenceWatches.ts';
import { RateLimits } from './rateLimits.ts';
import type { Reply } from './requests.ts';

/** Changes of privacy and blocks of one account: each is written to disk, and whoever watches is looked at again. */
const CHANGES = { perSecond: 5, burst: 200 };
/** Times one device may become active: all who watch are told of each. Becoming inactive is never refused. */
const ACTIVATIONS = { perSecond: 0.5, burst: 30 };
/** Watches begun by one account, over all its sockets. */
const WATCHES = { perSecond: 10, burst: 200 };

const AUDIENCES: readonly (readonly [PresenceAudience, PresenceAudienceName])[] = [
  [PresenceAudience.EVERYONE, 'everyone'],
  [PresenceAudience.KEY_HOLDERS, 'key-holders'],
  [PresenceAudience.NOBODY, 'nobody'],
];

export interface PresenceRequestsOptions {
  readonly store: MessagingStore;
  readonly watches: PresenceWatches;
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class PresenceRequests {
  readonly #options: PresenceRequestsOptions;
  readonly #changes = new RateLimits(CHANGES);
  readonly #activations = new RateLimits(ACTIVATIONS);
  readonly #begun = new RateLimits(WATCHES);

  constructor(options: PresenceRequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  async watch(device: DeviceConnection, request: WatchPresenceRequest): Promise<Reply> {
    const { watches, now } = this.#options;
    const accountId = checkedAccountId(request.accountId);
    const { presenceKey } = request;
    if (presenceKey.length !== 0 && presenceKey.length !== PRESENCE_KEY_BYTES)
      throw new ProtocolError('invalid-request');
    if (!request.watch) {
      watches.end(device, accountId);
      return { body: { case: 'presence', value: { accountId } } };
    }
    this.#begun.take(device.address.accountId, now());
    return { body: { case: 'presence', value: await watches.start(device, accountId, presenceKey) } };
  }

  /** @throws ProtocolError */
  async setPresence(device: DeviceConnection, { active }: SetPresenceRequest): Promise<Reply> {
    if (active) this.#activations.take(addressKey(device.address), this.#options.now());
    await device.setActive(active);
    return DONE;
  }

  /** @throws ProtocolError */
  async setPrivacy({ address }: DeviceConnection, request: SetPrivacyRequest): Promise<Reply> {
    const { store, watches, now } = this.#options;
    const privacy = checkedPrivacy(request);
    this.#changes.take(address.accountId, now());
    await store.setPrivacy(address.accountId, privacy);
    await watches.changed(address.accountId);
    return { body: { case: 'privacy', value: privacyOnWire(privacy) } };
  }

  /** @throws ProtocolError */
  async setBlocked({ address }: DeviceConnection, { accountId, blocked }: SetBlockedRequest): Promise<Reply> {
    const { store, watches, now } = this.#options;
    const other = checkedAccountId(accountId);
    if (other === address.accountId) throw new ProtocolError('invalid-request');
    this.#changes.take(address.accountId, now());
    if (!(await store.setBlocked(address.accountId, other, blocked, LIMITS.blockedMax)))
      throw new ProtocolError('forbidden', { words: 'You have blocked as many people as you can.' });
    await watches.changed(address.accountId);
    return DONE;
  }

  /** The socket has gone, and with it what it watched. */
  ended(device: DeviceConnection): void {
    this.#options.watches.endAll(device);
  }

  async listBlocked({ address }: DeviceConnection, _request: ListBlockedRequest): Promise<Reply> {
    const accountIds = await this.#options.store.blocked(address.accountId);
    return { body: { case: 'blocked', value: { accountIds: [...accountIds] } } };
  }
}

const DONE: Reply = { body: { case: 'done', value: {} } };

export function privacyOnWire({ presence, presenceKeyDigest }: PrivacyRecord) {
  const [audience] = AUDIENCES.find(([, name]) => name === presence)!;
  return { presence: audience, presenceKeyDigest: presenceKeyDigest ?? new Uint8Array() };
}

/** @throws ProtocolError `invalid-request` */
function checkedPrivacy({ privacy }: SetPrivacyRequest): PrivacyRecord {
  const known = AUDIENCES.find(([audience]) => audience === privacy?.presence);
  if (!privacy || !known) throw new ProtocolError('invalid-request');
  const digest = privacy.presenceKeyDigest;
  if (digest.length !== 0 && digest.length !== PRESENCE_KEY_DIGEST_BYTES) throw new ProtocolError('invalid-request');
  return { presence: known[1], presenceKeyDigest: digest.length === 0 ? undefined : digest };
}
