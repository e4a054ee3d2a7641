// What a connected device may ask, and who answers it: one file per area. Each
// answer comes after what it promises is durable.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type MessagingClientFrame, type MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
import type { DeviceConnection } from './deviceConnection.ts';
import type { DeviceRequests } from './deviceRequests.ts';
import type { GroupRequests } from './groupRequests.ts';
import type { OwnDeviceRequests } from './ownDeviceRequests.ts';
import type { PresenceRequests } from './presenceRequests.ts';
import type { PushRequests } from './pushRequests.ts';
import { RateLimits } from './rateLimits.ts';
import type { SendRequests } from './sendRequests.ts';

/**
 * Milliseconds that requests of these kinds may take, the worst of them: up to 51 signatures, points of a curve, a list
 * of 10,000 names. Those of other kinds take a fraction of one, or have a rate of their own.
 */
const WORK_MS: Partial<Record<MessagingClientFrame['body']['case'] & string, number>> = {
  publishPrekeys: 15,
  offerLink: 15,
  removeDevice: 15,
  setPushTarget: 5,
  listBlocked: 10,
  listDevices: 1,
  refreshToken: 1,
};
/** Of one account: a fiftieth of a processor, after as much as a few devices need when they start together. */
const WORK = { perSecond: 20, burst: 1_000 };

export type Reply = MessageInitShape<typeof MessagingServerFrameSchema>;

export interface RequestAreas {
  readonly sends: SendRequests;
  readonly devices: DeviceRequests;
  readonly ownDevices: OwnDeviceRequests;
  readonly groups: GroupRequests;
  readonly presence: PresenceRequests;
  readonly push: PushRequests;
}

export class Requests {
  readonly #areas: RequestAreas;
  readonly #now: () => number;
  readonly #work = new RateLimits(WORK);

  /** @param now Unix milliseconds */
  constructor(areas: RequestAreas, now: () => number) {
    this.#areas = areas;
    this.#now = now;
  }

  /** @throws ProtocolError */
  answer(device: DeviceConnection, { body }: MessagingClientFrame): Promise<Reply> {
    const workMs = body.case === undefined ? undefined : WORK_MS[body.case];
    if (workMs !== undefined) this.#work.take(device.address.accountId, this.#now(), workMs);
    const { sends, devices, ownDevices, groups, presence, push } = this.#areas;
    switch (body.case) {
      case 'send':
        return sends.send(device, body.value);
      case 'groupSend':
        return sends.groupSend(device, body.value);
      case 'ack':
        return sends.acknowledge(device, body.value);
      case 'fetchBundles':
        return devices.fetchBundles(device, body.value);
      case 'publishPrekeys':
        return devices.publishPrekeys(device, body.value);
      case 'findAccount':
        return devices.findAccount(device, body.value);
      case 'ping':
        return devices.ping();
      case 'refreshToken':
        return devices.refreshToken(device);
      case 'listDevices':
        return ownDevices.list(device);
      case 'offerLink':
        return ownDevices.offerLink(device, body.value);
      case 'removeDevice':
        return ownDevices.remove(device, body.value);
      case 'createGroup':
        return groups.create(device, body.value);
      case 'changeGroup':
        return groups.change(device, body.value);
      case 'fetchGroup':
        return groups.fetch(device, body.value);
      case 'watchPresence':
        return presence.watch(device, body.value);
      case 'setPresence':
        return presence.setPresence(device, body.value);
      case 'setPrivacy':
        return presence.setPrivacy(device, body.value);
      case 'setBlocked':
        return presence.setBlocked(device, body.value);
      case 'listBlocked':
        return presence.listBlocked(device, body.value);
      case 'setPushTarget':
        return push.setTarget(device, body.value);
      default:
        throw new ProtocolError('unknown-frame');
    }
  }

  /** The socket has gone. */
  ended(device: DeviceConnection): void {
    this.#areas.presence.ended(device);
  }
}
