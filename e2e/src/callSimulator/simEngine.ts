// What a device's WebRTC is in a simulated world: a microphone that takes its
// time, peer connections of the world's net, rooms that are joined and lost.
import type { CallEngine, LocalMedia, Peer, PeerOptions, Room, RoomOptions } from '@carillon/client/calls';
import type { Chance, Scheduler } from './scheduler.ts';
import type { Network, PeerNet } from './simPeers.ts';

const MICROPHONE_MS = 3_000;
const JOIN_MS = [200, 3_000] as const;

export interface SimEngineOptions {
  readonly scheduler: Scheduler;
  readonly chance: Chance;
  readonly net: PeerNet;
  readonly network: Network;
}

export class SimEngine implements CallEngine {
  readonly canLiftRelay = true;
  readonly #options: SimEngineOptions;
  readonly #networkListeners = new Set<() => void>();
  readonly #rooms = new Set<SimRoom>();

  constructor(options: SimEngineOptions) {
    this.#options = options;
  }

  async mayOpenMedia(): Promise<boolean> {
    return this.#options.chance.happens(0.8);
  }

  async openMedia({ video }: { readonly video: boolean }): Promise<LocalMedia> {
    const { scheduler, chance } = this.#options;
    await new Promise<void>((resolve) => scheduler.after(chance.delay(1, MICROPHONE_MS), resolve));
    if (chance.happens(0.01)) throw new Error('There is no microphone.');
    return new SimMedia(video);
  }

  createPeer(options: PeerOptions): Peer {
    return this.#options.net.create(options, this.#options.network);
  }

  readonly openRoom = (options: RoomOptions): Room => {
    const room = new SimRoom(options, this.#options, () => this.#rooms.delete(room));
    this.#rooms.add(room);
    return room;
  };

  onNetworkChange(listener: () => void): () => void {
    this.#networkListeners.add(listener);
    return () => this.#networkListeners.delete(listener);
  }

  networkChanged(): void {
    for (const listener of [...this.#networkListeners]) listener();
  }

  /** The way to the SFU is gone for so long. */
  loseRooms(ms: number): void {
    for (const room of this.#rooms) room.lose(ms);
  }
}

class SimMedia implements LocalMedia {
  readonly stream = undefined;
  readonly screen = undefined;
  microphoneOn = true;
  cameraOn: boolean;
  screenOn = false;
  readonly #listeners = new Set<() => void>();

  constructor(video: boolean) {
    this.cameraOn = video;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async setMicrophone(on: boolean): Promise<void> {
    this.microphoneOn = on;
    this.#tell();
  }

  async setCamera(on: boolean): Promise<void> {
    this.cameraOn = on;
    this.#tell();
  }

  async setScreenShare(on: boolean): Promise<void> {
    this.screenOn = on;
    this.#tell();
  }

  async setInputDevice(): Promise<void> {}
  async setHeld(): Promise<void> {}
  close(): void {}

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

class SimRoom implements Room {
  readonly #options: RoomOptions;
  readonly #around: SimEngineOptions;
  readonly #left: () => void;
  #members: readonly number[] = [];
  #isClosed = false;
  #isUp = false;

  constructor(options: RoomOptions, around: SimEngineOptions, left: () => void) {
    this.#options = options;
    this.#around = around;
    this.#left = left;
    void this.#join();
  }

  setMembers(members: Parameters<Room['setMembers']>[0]): void {
    this.#members = members.map(({ number }) => number);
    if (this.#isUp) this.#flow();
  }

  async stats(): Promise<never[]> {
    return [];
  }

  lose(ms: number): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#options.events.connection('disconnected');
    this.#around.scheduler.after(ms, () => void this.#join());
  }

  close(): void {
    this.#isClosed = true;
    this.#left();
  }

  async #join(): Promise<void> {
    const { scheduler, chance } = this.#around;
    try {
      await this.#options.assignment();
    } catch (error) {
      if (!this.#isClosed) this.#options.events.connection('failed', String(error));
      return;
    }
    scheduler.after(chance.delay(...JOIN_MS), () => {
      if (this.#isClosed) return;
      this.#isUp = true;
      this.#options.events.connection('connected');
      this.#flow();
    });
  }

  #flow(): void {
    const members = new Set(this.#members);
    this.#around.scheduler.after(50, () => {
      if (!this.#isClosed && this.#isUp) this.#options.events.flows(members);
    });
  }
}
