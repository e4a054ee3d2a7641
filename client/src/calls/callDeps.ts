// What a running call is given: what it shares with the others, and how it begins.
import type { AccountId } from '@carillon/protocol';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { Contact, Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { RunningCall } from './call.ts';
import type { OpeningMedia } from './callMedia.ts';
import type { CallRecords } from './callRecords.ts';
import type { Call } from './core/callMachine.ts';
import type { CallEngine } from './engine.ts';
import type { SignalingClient } from './signalingClient.ts';

export interface CallDeps {
  readonly channel: ContentChannel;
  readonly platform: Platform;
  readonly signaling: SignalingClient;
  readonly engine: CallEngine;
  readonly records: CallRecords;
  readonly baseUrl: string;
  contactOf(account: AccountId): Contact;
  /** The person is in it: what a reloaded page comes back to. */
  isCurrent(call: RunningCall): boolean;
  changed(call: RunningCall): void;
  /** The call ended because the other called too; `media` stays open for theirs. */
  lostByGlare(account: AccountId, media: OpeningMedia | undefined): void;
  notice(notice: Notice): void;
}

export interface CallStart {
  readonly call: Call;
  readonly media: OpeningMedia | undefined;
  /** Secrets shared with devices, by address: the callee has its caller's, a caller gets its callees' by `sendInvites`. */
  readonly secrets?: ReadonlyMap<string, Uint8Array>;
  readonly receivedSeq?: bigint;
  /** Of the peer link, when the call is taken up again: the next one is ours to offer. */
  readonly generation?: number;
}
