// The directory and prekeys.
import {
  type FetchBundlesRequest,
  type FindAccountRequest,
  handleSchema,
  LIMITS,
  ProtocolError,
  type PublishPrekeysRequest,
} from '@carillon/protocol';
import type { MessagingStore } from '../core/messagingStore.ts';
import { checkedAccountId, checkedDeviceId } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { DeviceHub } from './deviceHub.ts';
import { presentDevice } from './logins.ts';
import type { RateLimits } from './rateLimits.ts';
import { checkOneTimePrekeys, checkSignedPrekey } from './registrations.ts';
import type { Reply } from './requests.ts';

/** A device is told when fewer are left: time to publish before senders go without. */
export const PREKEYS_LOW = 20;
const PREKEY_ID_MAX = 2 ** 31 - 1;

export interface DeviceRequestsOptions {
  readonly store: MessagingStore;
  readonly hub: DeviceHub;
  readonly now: () => number;
  /** Look-ups by account: bundles taken use up other people's prekeys, names found are a directory read out. */
  readonly lookupsPerAccount: RateLimits;
}

export class DeviceRequests {
  readonly #options: DeviceRequestsOptions;

  constructor(options: DeviceRequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  async fetchBundles({ address: asker }: DeviceConnection, request: FetchBundlesRequest): Promise<Reply> {
    const { store, hub, now, lookupsPerAccount } = this.#options;
    const accountId = checkedAccountId(request.accountId);
    if (request.deviceIds.length > LIMITS.envelopesPerSendMax) throw new ProtocolError('invalid-request');
    const deviceIds = request.deviceIds.map(checkedDeviceId);
    lookupsPerAccount.take(asker.accountId, now());
    const bundles = await store.takeBundles(accountId, deviceIds);
    if (!bundles) throw new ProtocolError('account-unknown');
    for (const { deviceId, oneTimePrekey, oneTimePrekeysLeft } of bundles) {
      if (oneTimePrekey && oneTimePrekeysLeft < PREKEYS_LOW)
        hub.get({ accountId, deviceId })?.prekeysLow(oneTimePrekeysLeft);
    }
    const devices = bundles.map(({ deviceId, identityKey, signedPrekey, oneTimePrekey }) => ({
      deviceId,
      identityKey,
      signedPrekey,
      ...(oneTimePrekey ? { oneTimePrekey } : {}),
    }));
    return { body: { case: 'bundles', value: { accountId, devices } } };
  }

  /** @throws ProtocolError */
  async publishPrekeys({ address }: DeviceConnection, request: PublishPrekeysRequest): Promise<Reply> {
    const { store } = this.#options;
    const { signedPrekey, oneTimePrekeys } = request;
    const ids = [...oneTimePrekeys, ...(signedPrekey ? [signedPrekey] : [])].map((prekey) => prekey.id);
    if (oneTimePrekeys.length > LIMITS.oneTimePrekeysMax || ids.some((id) => id < 1 || id > PREKEY_ID_MAX))
      throw new ProtocolError('invalid-request');
    checkOneTimePrekeys(oneTimePrekeys);
    if (signedPrekey) checkSignedPrekey(presentDevice(await store.device(address)).identityKey, signedPrekey);
    const held = await store.publishPrekeys(address, signedPrekey, oneTimePrekeys, LIMITS.oneTimePrekeysMax);
    if (held === undefined) throw new ProtocolError('device-removed');
    return { body: { case: 'prekeys', value: { oneTimePrekeys: held } } };
  }

  /** @throws ProtocolError */
  async findAccount({ address: asker }: DeviceConnection, request: FindAccountRequest): Promise<Reply> {
    const { store, now, lookupsPerAccount } = this.#options;
    if ((request.handle === '') === (request.accountId === '')) throw new ProtocolError('invalid-request');
    lookupsPerAccount.take(asker.accountId, now());
    const found =
      request.handle === ''
        ? await store.accountById(checkedAccountId(request.accountId))
        : await store.accountByHandle(checkedHandle(request.handle));
    if (!found) throw new ProtocolError('account-unknown');
    const { accountId, handle, deviceIds } = found;
    return { body: { case: 'account', value: { accountId, handle, deviceIds: [...deviceIds] } } };
  }
}

function checkedHandle(text: string) {
  const handle = handleSchema.safeParse(text);
  if (!handle.success) throw new ProtocolError('handle-invalid');
  return handle.data;
}
