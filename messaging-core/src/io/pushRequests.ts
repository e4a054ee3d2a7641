// Where a device is woken when it is not connected.
import type { SetPushTargetRequest } from '@carillon/protocol';
import type { MessagingStore } from '../core/messagingStore.ts';
import { checkedPushTarget } from '../core/pushTarget.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import { RateLimits } from './rateLimits.ts';
import type { Reply } from './requests.ts';

/** Changes of one account: an app sets its target when it starts. */
const CHANGES = { perSecond: 1, burst: 60 };

export interface PushRequestsOptions {
  readonly store: MessagingStore;
  /** As the configuration of Web Push names them. */
  readonly webPushHosts: readonly string[];
  /** Unix milliseconds. */
  readonly now: () => number;
}

export class PushRequests {
  readonly #options: PushRequestsOptions;
  readonly #changes = new RateLimits(CHANGES);

  constructor(options: PushRequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  async setTarget({ address }: DeviceConnection, request: SetPushTargetRequest): Promise<Reply> {
    const { store, webPushHosts, now } = this.#options;
    const { service, target } = checkedPushTarget(request, webPushHosts);
    this.#changes.take(address.accountId, now());
    await store.setPushTarget(address, service, target);
    return { body: { case: 'done', value: {} } };
  }
}
