// Puts together who answers which request.
import { LIMITS } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { MessagingConfig } from '../config.ts';
import type { MessagingStore, QueueLimits } from '../core/messagingStore.ts';
import type { Switchboard } from '../core/switchboard.ts';
import type { DeviceRequests } from './deviceRequests.ts';
import { EphemeralSends } from './ephemeralSends.ts';
import type { EventNotes } from './eventNotes.ts';
import { FanOut } from './fanOut.ts';
import { GroupRequests } from './groupRequests.ts';
import type { OwnDeviceRequests } from './ownDeviceRequests.ts';
import { PresenceRequests } from './presenceRequests.ts';
import { PresenceWatches } from './presenceWatches.ts';
import { PushRequests } from './pushRequests.ts';
import { QueueNotices } from './queueNotices.ts';
import { RequestLimits } from './requestLimits.ts';
import { Requests } from './requests.ts';
import { SendRequests } from './sendRequests.ts';

export interface CreateRequestsOptions {
  readonly config: MessagingConfig;
  readonly webPushHosts: readonly string[];
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly devices: DeviceRequests;
  readonly ownDevices: OwnDeviceRequests;
  readonly events: EventNotes;
  /** Names this process among those that share the store. */
  readonly node: string;
  readonly ageMaxMs: number;
  /** Unix milliseconds. */
  readonly now: () => number;
  readonly log: Log;
}

export interface CreatedRequests {
  readonly requests: Requests;
  /** Runs until it is stopped; to be stopped before the store is closed. */
  readonly fanOut: FanOut;
}

export function createRequests(options: CreateRequestsOptions): CreatedRequests {
  const { config, webPushHosts, store, switchboard, devices, ownDevices, events, node, ageMaxMs, now, log } = options;
  const queueLimits: QueueLimits = {
    messagesMax: config.CARILLON_MESSAGING_QUEUE_MESSAGES_MAX,
    bytesMax: config.CARILLON_MESSAGING_QUEUE_BYTES_MAX,
    senderPercent: config.CARILLON_MESSAGING_QUEUE_SENDER_PERCENT,
  };
  const notices = new QueueNotices({ switchboard, events, log });
  const fanOut = new FanOut({ store, notices, node, queueLimits, ageMaxMs, urgentMs: LIMITS.ringMs, now, log });
  const sendsPerMinute = {
    account: config.CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ACCOUNT,
    device: config.CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_DEVICE,
    address: config.CARILLON_MESSAGING_SENDS_PER_MINUTE_PER_ADDRESS,
  };
  const areas = {
    devices,
    ownDevices,
    sends: new SendRequests({
      store,
      notices,
      ephemeral: new EphemeralSends({ store, switchboard }),
      fanOut,
      sends: new RequestLimits(sendsPerMinute),
      events,
      now,
      queueLimits,
      ageMaxMs,
    }),
    groups: new GroupRequests({
      store,
      groupsPerDayPerAccount: config.CARILLON_MESSAGING_GROUPS_PER_DAY_PER_ACCOUNT,
      now,
    }),
    presence: new PresenceRequests({ store, watches: new PresenceWatches({ store, switchboard, log }), now }),
    push: new PushRequests({ store, webPushHosts, now }),
  };
  return { requests: new Requests(areas, now), fanOut };
}
