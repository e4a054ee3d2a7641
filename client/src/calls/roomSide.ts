// The group half of a call: its room at an SFU, the frame keys of its members,
// and who is heard there.
import type { AccountId, CallId } from '@carillon/protocol';
import { socketUrl } from '../connection/origin.ts';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { Notice } from '../model.ts';
import type { Platform } from '../ports.ts';
import { joinedOthers, type Participant } from './core/roster.ts';
import type { CallEngine, LocalMedia, RemoteMedia, Room, StatsEntry } from './engine.ts';
import { FrameKeys } from './frameKeys.ts';
import type { SignalingClient } from './signalingClient.ts';

export interface RoomSideOptions {
  readonly callId: CallId;
  readonly self: AccountId;
  readonly channel: ContentChannel;
  readonly platform: Platform;
  readonly engine: CallEngine;
  readonly signaling: SignalingClient;
  readonly baseUrl: string;
  connected(): void;
  lost(): void;
  /** It cannot be had. */
  failed(words: string): void;
  remote(media: ReadonlyMap<number, RemoteMedia>): void;
  flows(numbers: ReadonlySet<number>): void;
  notice(notice: Notice): void;
}

export class RoomSide {
  readonly #options: RoomSideOptions;
  readonly #keys: FrameKeys;
  #room: Room | undefined;

  constructor(options: RoomSideOptions) {
    this.#options = options;
    const { callId, channel, platform } = options;
    this.#keys = new FrameKeys({ callId, channel, crypto: platform.crypto });
  }

  open(media: LocalMedia, participants: readonly Participant[]): void {
    const { callId, channel, platform, engine, signaling, baseUrl, failed, notice } = this.#options;
    if (!engine.openRoom) {
      failed('group calls cannot be taken on this device.');
      return;
    }
    this.#room = engine.openRoom({
      ...{ callId, channel, platform, media, notice },
      iceServers: signaling.iceServers,
      keys: this.#keys,
      assignment: async () => {
        const room = await signaling.request({ case: 'room', value: { callId } }, 'room');
        return { url: socketUrl(baseUrl, room.sfuUrl), ticket: room.ticket };
      },
      events: {
        connection: (state, words) => {
          if (state === 'connected') this.#options.connected();
          else if (state === 'disconnected') this.#options.lost();
          else failed(words ?? 'the group call server cannot be reached.');
        },
        remote: (remote) => this.#options.remote(remote),
        flows: (numbers) => this.#options.flows(numbers),
      },
    });
    this.follow(participants);
  }

  /** Keys go to who is in, and only they are heard. */
  follow(participants: readonly Participant[]): void {
    const { self } = this.#options;
    const others = joinedOthers(participants, self);
    const own = participants.find(({ accountId }) => accountId === self);
    this.#keys.setMembers(own?.number ?? 0, others);
    this.#room?.setMembers(others);
  }

  async stats(): Promise<StatsEntry[]> {
    return (await this.#room?.stats()) ?? [];
  }

  close(): void {
    this.#room?.close();
    this.#room = undefined;
    this.#keys.close();
  }
}
