// The account's devices as this one sees them: who is there, taking one in, and
// sending one away. Only the primary signs; what it signs is what it knows of its
// own doing, never a name that the server put in.
import { E2eeError, parseLinkCode, sealForLink, signDeviceList } from '@carillon/messaging-core/e2ee';
import {
  type DeviceId,
  deviceIdSchema,
  type MessagingWelcome,
  type OwnDevices as OwnDevicesFrame,
  ProtocolError,
} from '@carillon/protocol';
import { readKeys } from '../account/profile.ts';
import { includesBytes, readDeviceList, sameBytes } from '../contacts/deviceLists.ts';
import type { Emitter } from '../events.ts';
import type { MessagingSocket } from '../messaging/messagingSocket.ts';
import type { Account, OwnDeviceView } from '../model.ts';
import type { Platform, StoreTransaction } from '../ports.ts';
import type { Ledger } from '../store/ledger.ts';
import { encodeOffer } from './linkOffer.ts';
import { deviceName, isPrimary, meetOwnDevices, otherDevices, ownList, primaryIdentity } from './ownAccount.ts';
import { tellOwnDevices } from './ownCopies.ts';

/** Linking and removing follow right after the app opened, sometimes. */
const CONNECT_WAIT_MS = 5_000;
const GREETED_KEY = 'greeted-devices';
const REVISION_KEY = 'device-list-revision';

export interface OwnDevicesParts {
  readonly platform: Platform;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly socket: MessagingSocket;
  readonly account: () => Account;
  /** In the transaction that takes note of devices that were not known before: what they are to be told is queued. */
  readonly greet: (tx: StoreTransaction, devices: readonly DeviceId[], isPrimary: boolean) => Promise<void>;
  /** Afterwards: something may wait for the own devices. */
  readonly onGreeted: () => void;
}

export class OwnDevices {
  readonly #parts: OwnDevicesParts;
  #told: string | undefined;

  constructor(parts: OwnDevicesParts) {
    this.#parts = parts;
  }

  /** Another list than known means that one was linked or removed. */
  async onWelcome({ deviceIds }: MessagingWelcome): Promise<void> {
    const { ledger, account } = this.#parts;
    const known = await ledger.read(readGreeted);
    const named = deviceIds.filter((deviceId) => deviceId !== account().deviceId);
    const isSame = named.length === known.length && named.every((deviceId) => known.includes(deviceId as DeviceId));
    if (!isSame) await this.list();
  }

  async onChange(frame: OwnDevicesFrame): Promise<void> {
    this.#tell(await this.#meet(frame));
  }

  /** Another device has told its name. */
  async onName(): Promise<void> {
    await this.list();
  }

  /** @throws ProtocolError */
  async list(): Promise<OwnDeviceView[]> {
    const views = await this.#meet(await this.#fetch());
    this.#tell(views);
    return views;
  }

  /** By the primary, for the device that shows the code. @throws ProtocolError `not-primary`, `link-unknown`, `device-limit` */
  async approveLink(text: string): Promise<void> {
    const { platform, ledger, socket, account } = this.#parts;
    const code = parseCode(text);
    const { accountId, handle, name } = account();
    const present = await this.#linked(await this.#fetch());
    const list = await ledger.change((tx) =>
      this.#sign(tx, [...present.map(({ identityKey }) => identityKey), code.identityKey]),
    );
    let sealed: Uint8Array<ArrayBuffer>;
    try {
      sealed = sealForLink(platform.crypto, code, encodeOffer({ accountId, handle, name, list }));
    } catch (cause) {
      throw notACode(cause);
    }
    const value = { linkId: code.linkId, sealed, deviceList: list };
    await socket.request({ case: 'offerLink', value }, 'ownDevices');
  }

  /** By the primary for another device, or by a linked one for itself. @throws ProtocolError */
  async remove(deviceId: DeviceId): Promise<void> {
    const { ledger, socket, account } = this.#parts;
    const primary = await ledger.read((tx) => isPrimary(tx, account()));
    if (!primary) {
      const frame = await socket.request({ case: 'removeDevice', value: { deviceId } }, 'ownDevices');
      await this.onChange(frame);
      return;
    }
    if (deviceId === account().deviceId) {
      throw new ProtocolError('invalid-request', {
        words: 'The main device cannot be removed; sign up on another device to replace it.',
      });
    }
    const present = await this.#linked(await this.#fetch(), deviceId);
    const deviceList = await ledger.change((tx) =>
      this.#sign(
        tx,
        present.filter((device) => device.deviceId !== deviceId).map(({ identityKey }) => identityKey),
      ),
    );
    const value = { deviceId, deviceList };
    await this.onChange(await socket.request({ case: 'removeDevice', value }, 'ownDevices'));
  }

  /** Changes only: asking is no news. */
  #tell(views: OwnDeviceView[]): void {
    const text = JSON.stringify(views.map((view) => ({ ...view, lastSeenMs: 0 })));
    if (text === this.#told) return;
    this.#told = text;
    this.#parts.emitter.emit('devices', views);
  }

  async #fetch(): Promise<OwnDevicesFrame> {
    const { socket } = this.#parts;
    await socket.settle(CONNECT_WAIT_MS);
    return socket.request({ case: 'listDevices', value: {} }, 'ownDevices');
  }

  /**
   * The linked devices that are present, each of which this primary has signed for
   * before. `except` one that is on its way out.
   * @throws ProtocolError `not-primary`, `device-list-invalid`
   */
  async #linked(frame: OwnDevicesFrame, except?: DeviceId): Promise<OwnDevicesFrame['devices']> {
    const { ledger, account } = this.#parts;
    return ledger.read(async (tx) => {
      if (!(await isPrimary(tx, account()))) throw new ProtocolError('not-primary');
      const primary = await primaryIdentity(tx, account());
      const signed = (await ownList(tx, account()))?.identityKeys ?? [];
      const others = frame.devices.filter(({ identityKey }) => !sameBytes(identityKey, primary));
      const foreign = others.some(
        ({ deviceId, identityKey }) => deviceId !== except && !includesBytes(signed, identityKey),
      );
      if (foreign) {
        const words = 'The server names a device that was never linked here. Nothing was changed.';
        throw new ProtocolError('device-list-invalid', { words });
      }
      return others;
    });
  }

  /** Under a revision that is never used for another list. */
  async #sign(tx: StoreTransaction, others: readonly Uint8Array[]) {
    const { platform, account } = this.#parts;
    const { identity } = await readKeys(tx);
    const known = (await ownList(tx, account()))?.revision ?? 0;
    const revision = Math.max(known, (await tx.get<number>('account', REVISION_KEY)) ?? 0) + 1;
    await tx.put('account', REVISION_KEY, revision);
    try {
      return signDeviceList(platform.crypto, identity, account().accountId, revision, others);
    } catch (cause) {
      throw new ProtocolError('device-limit', { cause });
    }
  }

  async #meet(frame: OwnDevicesFrame): Promise<OwnDeviceView[]> {
    const { platform, ledger, account, greet, onGreeted } = this.#parts;
    const { accountId, deviceId: here } = account();
    const devices = frame.devices.filter(({ deviceId }) => deviceIdSchema.safeParse(deviceId).success);
    const ids = devices.map(({ deviceId }) => deviceId as DeviceId);
    const list = readDeviceList(platform.crypto, accountId, frame.deviceList);
    const { views, isNews } = await ledger.change(async (tx) => {
      // Not by the record of the account: a message of theirs may have come before.
      const greeted = await readGreeted(tx);
      await meetOwnDevices(tx, account(), ids, list);
      const others = await otherDevices(tx, account());
      const added = others.filter((deviceId) => !greeted.includes(deviceId));
      await tx.put('account', GREETED_KEY, others);
      if (added.length > 0) {
        const name = await deviceName(tx, here);
        if (name) await tellOwnDevices(tx, { platform, account }, { case: 'deviceHello', value: { name } });
        await greet(tx, added, await isPrimary(tx, account()));
      }
      const primary = await primaryIdentity(tx, account());
      const views: OwnDeviceView[] = [];
      for (const device of devices) {
        const deviceId = device.deviceId as DeviceId;
        views.push({
          deviceId,
          name: await deviceName(tx, deviceId),
          primary: sameBytes(device.identityKey, primary),
          current: deviceId === here,
          linkedAtMs: Number(device.createdAtMs),
          lastSeenMs: Number(device.lastSeenMs),
          connected: device.connected,
        });
      }
      return { views, isNews: added.length > 0 };
    });
    if (isNews) onGreeted();
    return views;
  }
}

/** Those whom this device has told its name, and what else they are to know. */
const readGreeted = async (tx: StoreTransaction): Promise<readonly DeviceId[]> =>
  (await tx.get<DeviceId[]>('account', GREETED_KEY)) ?? [];

const notACode = (cause: unknown) =>
  new ProtocolError('link-unknown', { cause, words: 'That is not the code of a new device.' });

function parseCode(text: string): ReturnType<typeof parseLinkCode> {
  try {
    return parseLinkCode(text);
  } catch (cause) {
    if (cause instanceof E2eeError) throw notACode(cause);
    throw cause;
  }
}
