// What a device asks of its own account's devices: which there are, and, by the
// primary, to take one in or send one away.
import {
  type Address,
  bytesToBase64url,
  type DeviceId,
  LIMITS,
  type OfferLinkRequest,
  ProtocolError,
  type RemoveDeviceRequest,
} from '@carillon/protocol';
import type { DeviceListRecord, DeviceRecord, MessagingStore } from '../core/messagingStore.ts';
import { checkedDeviceId } from '../core/sendRequest.ts';
import { checkDeviceList, newIdentity, primaryIdentity } from '../core/signedDeviceList.ts';
import type { DeviceChanges } from './deviceChanges.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { Links } from './links.ts';
import type { Reply } from './requests.ts';
import { listRecord } from './wireRecords.ts';

const LINK_ID = /^[0-9a-f]{32}$/;

export interface OwnDeviceRequestsOptions {
  readonly store: MessagingStore;
  readonly links: Links;
  readonly changes: DeviceChanges;
}

interface OwnAccount {
  readonly present: readonly DeviceRecord[];
  readonly list: DeviceListRecord | undefined;
  readonly primary: Uint8Array;
  readonly isPrimary: boolean;
}

export class OwnDeviceRequests {
  readonly #options: OwnDeviceRequestsOptions;

  constructor(options: OwnDeviceRequestsOptions) {
    this.#options = options;
  }

  async list({ address }: DeviceConnection): Promise<Reply> {
    return this.#options.changes.ownDevices(address.accountId);
  }

  /** @throws ProtocolError `not-primary`, `device-limit`, `device-list-invalid`, `link-unknown`, `invalid-request` */
  async offerLink({ address }: DeviceConnection, request: OfferLinkRequest): Promise<Reply> {
    const { links, changes } = this.#options;
    const { accountId } = address;
    const { linkId, sealed } = request;
    if (!LINK_ID.test(linkId)) throw new ProtocolError('link-unknown');
    if (sealed.length === 0 || sealed.length > LIMITS.linkSealedBytesMax) throw new ProtocolError('invalid-request');
    const { present, primary, list: before, isPrimary } = await this.#account(address);
    if (!isPrimary) throw new ProtocolError('not-primary');
    if (present.length >= LIMITS.devicesPerAccountMax) throw new ProtocolError('device-limit');
    const list = listRecord(request.deviceList);
    const identities = present.map(({ identityKey }) => identityKey);
    const identityKeys = [...identities, newIdentity(list, identities)];
    checkDeviceList(list, { accountId, primary, before, identityKeys });
    await links.offer(linkId, { accountId, sealed: bytesToBase64url(sealed), list });
    return changes.ownDevices(accountId);
  }

  /** @throws ProtocolError `not-primary`, `device-unknown`, `device-list-invalid`, `invalid-request` */
  async remove({ address }: DeviceConnection, request: RemoveDeviceRequest): Promise<Reply> {
    const { store, changes } = this.#options;
    const { accountId } = address;
    const deviceId = checkedDeviceId(request.deviceId);
    const list = await this.#listWithout(address, deviceId, request);
    const removed = { accountId, deviceId };
    const outcome = await store.removeDevice(removed, list);
    if (outcome === 'device-unknown') throw new ProtocolError('device-unknown');
    if (outcome === 'list-refused') throw new ProtocolError('device-list-invalid');
    await changes.removed(removed);
    return changes.ownDevices(accountId);
  }

  /** None for a linked device that leaves by itself: only the primary can sign one. */
  async #listWithout(
    address: Address,
    deviceId: DeviceId,
    request: RemoveDeviceRequest,
  ): Promise<DeviceListRecord | undefined> {
    const { present, primary, list: before, isPrimary } = await this.#account(address);
    if (!isPrimary) {
      if (deviceId !== address.deviceId) throw new ProtocolError('not-primary');
      if (request.deviceList) throw new ProtocolError('invalid-request');
      return undefined;
    }
    if (!present.some((device) => device.deviceId === deviceId)) throw new ProtocolError('device-unknown');
    const identityKeys = present.filter((device) => device.deviceId !== deviceId).map((device) => device.identityKey);
    const list = listRecord(request.deviceList);
    // Without the primary no list can be signed: it is replaced by a registration, not removed.
    checkDeviceList(list, { accountId: address.accountId, primary, before, identityKeys });
    return list;
  }

  /** @throws ProtocolError `device-removed` */
  async #account({ accountId, deviceId }: Address): Promise<OwnAccount> {
    const { store } = this.#options;
    const [present, account] = await Promise.all([store.devices(accountId), store.accountById(accountId)]);
    const self = present.find((device) => device.deviceId === deviceId);
    const primary = primaryIdentity(account?.deviceList, present);
    if (!self || !primary) throw new ProtocolError('device-removed');
    return { present, list: account?.deviceList, primary, isPrimary: Buffer.compare(self.identityKey, primary) === 0 };
  }
}
