// What is around a simulated device, and what devices say to each other by
// encrypted message.
import type { Call } from '@carillon/client/calls/core';
import type { AccountId, Address, CallId } from '@carillon/protocol';
import type { Chance, Scheduler } from './scheduler.ts';
import type { SimDevice } from './simDevice.ts';
import type { SimSocketOptions } from './simSocket.ts';

export interface Invite {
  readonly callId: CallId;
  readonly from: Address;
  readonly video: boolean;
  readonly group: boolean;
}

/** What a device says to another by encrypted message. */
export type Message =
  | { readonly type: 'invite'; readonly invite: Invite }
  | { readonly type: 'log'; readonly from: Address; readonly callId: CallId; readonly isMissed: boolean };

export interface Surroundings {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  node: SimSocketOptions['node'];
  /** To every device of the account. */
  send(to: AccountId, message: Message): void;
  /** The link to the caller's device while it rings; `preconnected` once it is up. */
  preconnect(callId: CallId, self: SimDevice, to: Address): void;
  /** This end of a peer link is open, or is not any more; the world joins the two ends. */
  link(callId: CallId, self: SimDevice, to: Address | undefined): void;
  room(callId: CallId, self: SimDevice): void;
  /** It rings: what the person does is the world's. */
  rings(device: SimDevice, callId: CallId): void;
  /** For the rules that must hold. */
  saw(device: SimDevice, call: Call): void;
}
