// The port to connected devices, wherever they are connected: on this node
// alone, or on one of many. What it carries is never the only copy: a signal
// that gets lost costs a moment, since queues are read again on every connection
// and now and then besides.
// test/switchboardContract.ts holds every adapter to this.
import type { AccountId, Address } from '@carillon/protocol';
import type { EnvelopeKindCode } from './messagingStore.ts';

/** An envelope that is given to whoever is there and kept by nobody. */
export interface EphemeralEnvelope {
  readonly messageId: string;
  readonly from: Address;
  readonly groupId: string | undefined;
  readonly kind: EnvelopeKindCode;
  readonly ciphertext: Uint8Array;
  readonly acceptedAtMs: number;
}

export type DeviceSignal =
  /** Something was put into its queue. */
  | { readonly type: 'queued' }
  | { readonly type: 'prekeys-low'; readonly oneTime: number; readonly kem: number }
  | { readonly type: 'ephemeral'; readonly envelope: EphemeralEnvelope }
  /** The own account's devices have changed. */
  | { readonly type: 'devices-changed' }
  /** The socket is to end. */
  | { readonly type: 'cut'; readonly why: 'device-removed' | 'replaced-by-new-connection' };

export interface PresenceState {
  readonly online: boolean;
  /** Unix milliseconds; 0: not known. */
  readonly lastSeenMs: number;
}

export interface Attachment {
  /** The device has gone. Resolves when others may know. */
  detach(): Promise<void>;
  /** Somebody looks at the app: what presence tells. */
  setActive(active: boolean): Promise<void>;
}

/** As a key to `onInvalidate`: something was missed, nothing cached is to be believed. */
export const EVERYTHING = '*';

export interface Switchboard {
  /** The newer connection of a device wins: the one before is sent `cut`, on whichever node it is. */
  attach(address: Address, onSignal: (signal: DeviceSignal) => void): Promise<Attachment>;
  /** True when the device is connected somewhere, as far as is known. */
  signal(address: Address, signal: DeviceSignal): Promise<boolean>;
  isConnected(address: Address): Promise<boolean>;
  /** Told of every change until the returned function is called. */
  watchPresence(accountId: AccountId, onChange: (presence: PresenceState) => void): Promise<() => void>;
  isActive(accountId: AccountId): Promise<boolean>;
  /** What is cached of an account or a group anywhere is not to be believed any more. */
  invalidate(key: string): Promise<void>;
  /** Told of every key, and of `EVERYTHING`. */
  onInvalidate(listener: (key: string) => void): void;
  /** Why it cannot work at the moment, in words. */
  problem(): string | undefined;
  close(): Promise<void>;
}
