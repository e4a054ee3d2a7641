// What a device asks of the directory, and of its own keys and its token.
import {
  type AccountId,
  type FetchBundlesRequest,
  type FindAccountRequest,
  handleSchema,
  LIMITS,
  ProtocolError,
  type PublishPrekeysRequest,
} from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { checkKemPrekeys, checkOneTimePrekeys, checkSignedPrekey } from '../core/deviceKeys.ts';
import type { BundleRecord, MessagingStore } from '../core/messagingStore.ts';
import { checkedAccountId, checkedDeviceId } from '../core/sendRequest.ts';
import type { Switchboard } from '../core/switchboard.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import { presentDevice } from './logins.ts';
import type { RateLimits } from './rateLimits.ts';
import type { RequestLimits } from './requestLimits.ts';
import type { Reply } from './requests.ts';
import type { TokenKeys } from './tokenKeys.ts';
import { bundleFrame, listFrame } from './wireRecords.ts';

/** A device is told when fewer of a kind are left: time to publish before senders go without. */
export const PREKEYS_LOW = 20;
export const KEM_PREKEYS_LOW = 10;
const PREKEY_ID_MAX = 2 ** 31 - 1;
const MAX = { oneTime: LIMITS.oneTimePrekeysMax, kem: LIMITS.kemPrekeysMax };

export interface DeviceRequestsOptions {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly tokenKeys: TokenKeys;
  readonly now: () => number;
  /** Bundles taken use up other people's prekeys, names found are a directory read out. */
  readonly lookups: RequestLimits;
  /** By asking and asked account. */
  readonly fetchesPerPeer: RateLimits;
  readonly log: Log;
}

export class DeviceRequests {
  readonly #options: DeviceRequestsOptions;

  constructor(options: DeviceRequestsOptions) {
    this.#options = options;
  }

  async ping(): Promise<Reply> {
    return { body: { case: 'pong', value: { serverTimeMs: BigInt(this.#options.now()) } } };
  }

  /** @throws ProtocolError */
  async refreshToken({ address }: Pick<DeviceConnection, 'address'>): Promise<Reply> {
    const { store, tokenKeys } = this.#options;
    presentDevice(await store.device(address));
    const { accessToken, expiresAtMs } = await tokenKeys.accessToken(address);
    return { body: { case: 'accessToken', value: { accessToken, expiresAtMs: BigInt(expiresAtMs) } } };
  }

  /** @throws ProtocolError */
  async fetchBundles(asker: DeviceConnection, request: FetchBundlesRequest): Promise<Reply> {
    const { store, now, lookups, fetchesPerPeer } = this.#options;
    const accountId = checkedAccountId(request.accountId);
    if (request.deviceIds.length > LIMITS.envelopesPerSendMax) throw new ProtocolError('invalid-request');
    const deviceIds = request.deviceIds.map(checkedDeviceId);
    lookups.take(asker, now());
    fetchesPerPeer.take(`${asker.address.accountId}.${accountId}`, now());
    const found = await store.takeBundles(accountId, deviceIds);
    if (!found) throw new ProtocolError('account-unknown');
    for (const bundle of found.bundles) this.#tellIfLow(accountId, bundle);
    const devices = found.bundles.map(bundleFrame);
    const deviceList = found.deviceList && listFrame(found.deviceList);
    return { body: { case: 'bundles', value: { accountId, devices, ...(deviceList ? { deviceList } : {}) } } };
  }

  /** @throws ProtocolError */
  async publishPrekeys({ address }: DeviceConnection, request: PublishPrekeysRequest): Promise<Reply> {
    const { store } = this.#options;
    const { signedPrekey, oneTimePrekeys, kemPrekeys, lastResortKemPrekey } = request;
    const kem = lastResortKemPrekey ? [...kemPrekeys, lastResortKemPrekey] : kemPrekeys;
    const ids = [...oneTimePrekeys, ...kem, ...(signedPrekey ? [signedPrekey] : [])].map((prekey) => prekey.id);
    if (oneTimePrekeys.length > MAX.oneTime || kemPrekeys.length > MAX.kem) throw new ProtocolError('invalid-request');
    if (ids.some((id) => id < 1 || id > PREKEY_ID_MAX)) throw new ProtocolError('invalid-request');
    checkOneTimePrekeys(oneTimePrekeys);
    if (signedPrekey || kem.length > 0) {
      const { identityKey } = presentDevice(await store.device(address));
      if (signedPrekey) checkSignedPrekey(identityKey, signedPrekey);
      checkKemPrekeys(identityKey, kem);
    }
    const update = {
      signed: signedPrekey,
      oneTime: oneTimePrekeys,
      kem: kemPrekeys,
      lastResortKem: lastResortKemPrekey,
    };
    const held = await store.publishPrekeys(address, update, MAX);
    if (!held) throw new ProtocolError('device-removed');
    return { body: { case: 'prekeys', value: { oneTimePrekeys: held.oneTime, kemPrekeys: held.kem } } };
  }

  /** @throws ProtocolError */
  async findAccount(asker: DeviceConnection, request: FindAccountRequest): Promise<Reply> {
    const { store, now, lookups } = this.#options;
    if ((request.handle === '') === (request.accountId === '')) throw new ProtocolError('invalid-request');
    lookups.take(asker, now());
    const found =
      request.handle === ''
        ? await store.accountById(checkedAccountId(request.accountId))
        : await store.accountByHandle(checkedHandle(request.handle));
    if (!found) throw new ProtocolError('account-unknown');
    const { accountId, handle, deviceIds } = found;
    const deviceList = found.deviceList && listFrame(found.deviceList);
    const account = { accountId, handle, deviceIds: [...deviceIds], ...(deviceList ? { deviceList } : {}) };
    return { body: { case: 'account', value: account } };
  }

  /** Not when nothing was taken: a device that has none left was told before. */
  #tellIfLow(accountId: AccountId, bundle: BundleRecord): void {
    const { deviceId, oneTimePrekey, oneTimePrekeysLeft, kemPrekeysLeft } = bundle;
    if (!oneTimePrekey && kemPrekeysLeft === 0) return;
    if (oneTimePrekeysLeft >= PREKEYS_LOW && kemPrekeysLeft >= KEM_PREKEYS_LOW) return;
    const { switchboard, log } = this.#options;
    switchboard
      .signal({ accountId, deviceId }, { type: 'prekeys-low', oneTime: oneTimePrekeysLeft, kem: kemPrekeysLeft })
      .catch((error: unknown) =>
        log.warn('a device could not be told that its prekeys run out', { error: String(error) }),
      );
  }
}

function checkedHandle(text: string) {
  const handle = handleSchema.safeParse(text);
  if (!handle.success) throw new ProtocolError('handle-invalid');
  return handle.data;
}
