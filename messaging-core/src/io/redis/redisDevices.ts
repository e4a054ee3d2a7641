// Accounts, their devices, the lists that name them, and the prekeys strangers fetch.
import {
  type AccountId,
  type Address,
  concatBytes,
  type DeviceId,
  type GroupId,
  type Handle,
} from '@carillon/protocol';
import type { RedisLink, RedisReply } from '@carillon/service/redis';
import { namesExactly } from '../../core/deviceList.ts';
import type {
  AccountBundles,
  AccountRecord,
  BundleRecord,
  DeviceListRecord,
  DeviceLookup,
  DeviceRecord,
  LinkOutcome,
  NewDevice,
  PrekeyCounts,
  PrekeyUpdate,
  RegisteredDevice,
  RemoveOutcome,
} from '../../core/messagingStore.ts';
import {
  ACCOUNT,
  CLAIM_HANDLE,
  DEVICE,
  DEVICES,
  GROUPS_TOLD,
  LINK,
  PUBLISH,
  REGISTER,
  REMOVE,
  TAKE_BUNDLES,
} from './accountScripts.ts';
import { accountKey, handleKey } from './keys.ts';
import { decodeOneTime, decodeSigned, encodeOneTime, encodeSigned } from './prekeyBytes.ts';
import type { RedisIndex } from './redisIndex.ts';
import { asBuffer, idsOf } from './redisQueues.ts';

const IDENTITY_KEY_BYTES = 32;
/** A node that dies between a change of devices and telling the groups is helped out by a sweep after so long. */
const TELL_GROUPS_MS = 60_000;

interface Account extends AccountRecord {
  readonly lastDeviceId: number;
  readonly version: string;
}

export interface RedisDevicesOptions {
  readonly link: RedisLink;
  readonly index: RedisIndex;
  /** Unix milliseconds. */
  readonly now: () => number;
  /** The account's record is another one now. */
  readonly onChanged: (accountId: AccountId) => Promise<void>;
  /** Groups that the account is a member of are to have a new devices revision. */
  readonly touchGroups: (accountId: AccountId, groupIds: readonly GroupId[]) => Promise<void>;
}

export class RedisDevices {
  readonly #options: RedisDevicesOptions;

  constructor(options: RedisDevicesOptions) {
    this.#options = options;
  }

  async register(handle: Handle, newAccountId: AccountId, device: NewDevice, nowMs: number): Promise<RegisteredDevice> {
    const { link } = this.#options;
    const accountId = `${await link.write(CLAIM_HANDLE, handleKey(handle), [newAccountId])}` as AccountId;
    await this.#toTellGroups(accountId, nowMs);
    const args = [handle, ...deviceArgs(device, nowMs)];
    const [id, before] = (await link.write(REGISTER, accountKey(accountId), args)) as [number, Buffer];
    await this.#changed(accountId);
    return { address: { accountId, deviceId: id as DeviceId }, removed: idsOf(`${before}`) };
  }

  async link(
    accountId: AccountId,
    device: NewDevice,
    list: DeviceListRecord,
    devicesMax: number,
    nowMs: number,
  ): Promise<LinkOutcome> {
    // Checked here, carried out if nothing has changed meanwhile: who loses the race looks again.
    for (;;) {
      const [account, present] = await Promise.all([this.#account(accountId), this.devices(accountId)]);
      if (!account) return { type: 'account-unknown' };
      if (account.deviceIds.length >= devicesMax) return { type: 'device-limit' };
      const before = present.map(({ identityKey }) => identityKey);
      if (!isNext(account, list, [...before, device.identityKey], before)) return { type: 'list-refused' };
      await this.#toTellGroups(accountId, nowMs);
      const args = [account.version, ...listArgs(list), ...deviceArgs(device, nowMs)];
      const id = await this.#options.link.write(LINK, accountKey(accountId), args);
      if (id === null) continue;
      await this.#changed(accountId);
      return { type: 'linked', address: { accountId, deviceId: Number(id) as DeviceId }, handle: account.handle };
    }
  }

  async remove({ accountId, deviceId }: Address, list: DeviceListRecord | undefined): Promise<RemoveOutcome> {
    for (;;) {
      const [account, present] = await Promise.all([this.#account(accountId), this.devices(accountId)]);
      if (!account?.deviceIds.includes(deviceId)) return 'device-unknown';
      const identityOf = ({ identityKey }: DeviceRecord) => identityKey;
      const left = present.filter((device) => device.deviceId !== deviceId);
      if (list && !isNext(account, list, left.map(identityOf), present.map(identityOf))) return 'list-refused';
      await this.#toTellGroups(accountId, this.#options.now());
      const leftIds = account.deviceIds.filter((id) => id !== deviceId).join(',');
      const args = [account.version, `${deviceId}`, leftIds, ...(list ? listArgs(list) : [])];
      if ((await this.#options.link.write(REMOVE, accountKey(accountId), args)) === null) continue;
      await this.#changed(accountId);
      return 'removed';
    }
  }

  async idOf(handle: Handle): Promise<AccountId | undefined> {
    const accountId = await this.#options.link.command(handleKey(handle), ['GET', handleKey(handle)]);
    return accountId === null ? undefined : (`${accountId}` as AccountId);
  }

  async byId(id: AccountId): Promise<AccountRecord | undefined> {
    const account = await this.#account(id);
    if (!account) return undefined;
    const { accountId, handle, deviceIds, deviceList } = account;
    return { accountId, handle, deviceIds, deviceList };
  }

  async devices(accountId: AccountId): Promise<readonly DeviceRecord[]> {
    const rows = (await this.#options.link.run(DEVICES, accountKey(accountId))) as [Buffer, Buffer, Buffer, Buffer][];
    return rows.map(([id, identity, created, seen]) => ({
      deviceId: Number(id) as DeviceId,
      identityKey: new Uint8Array(identity),
      createdAtMs: Number(created),
      lastSeenMs: Number(seen),
    }));
  }

  async lookup({ accountId, deviceId }: Address): Promise<DeviceLookup> {
    const reply = await this.#options.link.run(DEVICE, accountKey(accountId), [`${deviceId}`]);
    const [handle, last, identity, oneTime, kem] = reply as [Buffer | null, Buffer, Buffer | null, number, number];
    if (handle === null) return { type: 'unknown' };
    if (identity === null) return { type: deviceId <= Number(last) ? 'removed' : 'unknown' };
    return {
      type: 'present',
      identityKey: new Uint8Array(identity),
      handle: `${handle}` as Handle,
      oneTimePrekeys: oneTime,
      kemPrekeys: kem,
    };
  }

  async publish(address: Address, update: PrekeyUpdate, max: PrekeyCounts): Promise<PrekeyCounts | undefined> {
    const args = [
      `${address.deviceId}`,
      update.signed ? encodeSigned(update.signed) : '',
      update.lastResortKem ? encodeSigned(update.lastResortKem) : '',
      `${max.oneTime}`,
      `${max.kem}`,
      ...prekeyArgs(update.oneTime, update.kem),
    ];
    const held = await this.#options.link.write(PUBLISH, accountKey(address.accountId), args);
    if (held === null) return undefined;
    const [oneTime, kem] = held as [number, number];
    return { oneTime, kem };
  }

  async takeBundles(accountId: AccountId, deviceIds: readonly DeviceId[]): Promise<AccountBundles | undefined> {
    const reply = await this.#options.link.write(TAKE_BUNDLES, accountKey(accountId), deviceIds.map(String));
    if (reply === null) return undefined;
    const [account, ...devices] = reply as [RedisReply, ...[Buffer, Buffer, Buffer, Buffer, number, Buffer, number][]];
    const bundles = devices.map(([id, identity, signed, oneTime, oneTimeLeft, kem, kemLeft]): BundleRecord => {
      return {
        deviceId: Number(id) as DeviceId,
        identityKey: new Uint8Array(identity),
        signedPrekey: decodeSigned(signed),
        oneTimePrekey: oneTime.length === 0 ? undefined : decodeOneTime(oneTime),
        oneTimePrekeysLeft: oneTimeLeft,
        kemPrekey: kem.length === 0 ? undefined : decodeSigned(kem),
        kemPrekeysLeft: kemLeft,
      };
    });
    return { bundles, deviceList: accountOf(accountId, account)?.deviceList };
  }

  /** What `#toTellGroups` announced is done, unless the devices have changed again. */
  async tellGroups(accountId: AccountId): Promise<void> {
    const { link, touchGroups } = this.#options;
    const root = accountKey(accountId);
    const account = await this.#account(accountId);
    if (!account) return;
    const groups = (await link.command(`${root}:g`, ['SMEMBERS', `${root}:g`])) as Iterable<Buffer>;
    await touchGroups(
      accountId,
      [...groups].map((groupId) => `${groupId}` as GroupId),
    );
    await link.run(GROUPS_TOLD, root, [account.version]);
  }

  async #changed(accountId: AccountId): Promise<void> {
    await this.#options.onChanged(accountId);
    await this.tellGroups(accountId);
  }

  /** Said before the devices change, so that somebody looks even if this node dies in between. */
  async #toTellGroups(accountId: AccountId, nowMs: number): Promise<void> {
    await this.#options.index.tell(`a:${accountId}`, 'e', `${nowMs + TELL_GROUPS_MS}`);
  }

  async #account(accountId: AccountId): Promise<Account | undefined> {
    return accountOf(accountId, await this.#options.link.run(ACCOUNT, accountKey(accountId)));
  }
}

function accountOf(accountId: AccountId, reply: RedisReply): Account | undefined {
  const [handle, last, devices, version, revision, keys, signature] = reply as (Buffer | null)[];
  if (!handle) return undefined;
  return {
    accountId,
    handle: `${handle}` as Handle,
    lastDeviceId: Number(last),
    deviceIds: idsOf(`${devices ?? ''}`),
    version: `${version ?? ''}`,
    deviceList:
      revision && keys && signature
        ? {
            revision: Number(revision),
            identityKeys: Array.from({ length: keys.length / IDENTITY_KEY_BYTES }, (_, i) => {
              return new Uint8Array(keys.subarray(i * IDENTITY_KEY_BYTES, (i + 1) * IDENTITY_KEY_BYTES));
            }),
            signature: new Uint8Array(signature),
          }
        : undefined,
  };
}

/** Whether a list may follow the present one: newer, by the same primary, naming exactly `identityKeys`. */
function isNext(
  { deviceList }: Account,
  list: DeviceListRecord,
  identityKeys: readonly Uint8Array[],
  before: readonly Uint8Array[],
): boolean {
  // Without a list the only device is the primary.
  const primary = deviceList?.identityKeys[0] ?? before[0];
  if (primary === undefined || list.revision <= (deviceList?.revision ?? 0)) return false;
  return namesExactly(list.identityKeys, primary, identityKeys);
}

function listArgs({ revision, identityKeys, signature }: DeviceListRecord): (string | Buffer)[] {
  return [`${revision}`, asBuffer(concatBytes(...identityKeys)), asBuffer(signature)];
}

function deviceArgs(device: NewDevice, nowMs: number): (string | Buffer)[] {
  const { identityKey, signedPrekey, oneTimePrekeys, kemPrekeys, lastResortKemPrekey } = device;
  return [
    `${nowMs}`,
    asBuffer(identityKey),
    encodeSigned(signedPrekey),
    lastResortKemPrekey ? encodeSigned(lastResortKemPrekey) : '',
    ...prekeyArgs(oneTimePrekeys, kemPrekeys),
  ];
}

function prekeyArgs(oneTime: PrekeyUpdate['oneTime'], kem: PrekeyUpdate['kem']): (string | Buffer)[] {
  return [
    `${oneTime.length}`,
    ...oneTime.flatMap((prekey) => [`${prekey.id}`, encodeOneTime(prekey)]),
    ...kem.flatMap((prekey) => [`${prekey.id}`, encodeSigned(prekey)]),
  ];
}
