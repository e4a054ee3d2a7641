// The rooms of this node by call id: opened by their first member, closed a
// short while after the last one left.
import { type CallId, ProtocolError } from '@carillon/protocol';
import { type Log, loggable } from '@carillon/service';
import type { MediaEngine } from './mediaEngine.ts';
import { RoomRunner } from './roomRunner.ts';

export interface RoomsOptions {
  readonly engine: MediaEngine;
  readonly roomsMax: number;
  readonly membersMax: number;
  /** How long an empty room keeps its router, for members who reconnect. */
  readonly emptyGraceMs: number;
  readonly log: Log;
}

export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<CallId, Promise<RoomRunner>>();
  readonly #open = new Set<RoomRunner>();
  readonly #graces = new Map<CallId, NodeJS.Timeout>();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#rooms.size;
  }

  get memberCount(): number {
    let count = 0;
    for (const room of this.#open) count += room.memberCount;
    return count;
  }

  /** The room, opened if need be. The caller joins in the same turn it gets it. */
  async enter(id: CallId): Promise<RoomRunner> {
    this.#cancelGrace(id);
    const known = this.#rooms.get(id);
    if (known) return known;
    if (this.#rooms.size >= this.#options.roomsMax) throw new ProtocolError('room-limit');
    const opening = this.#openRoom(id);
    this.#rooms.set(id, opening);
    try {
      return await opening;
    } catch (error) {
      this.#rooms.delete(id);
      throw error;
    }
  }

  close(): void {
    for (const id of this.#graces.keys()) this.#cancelGrace(id);
    for (const room of this.#open) room.close();
    this.#open.clear();
    this.#rooms.clear();
  }

  async #openRoom(id: CallId): Promise<RoomRunner> {
    const { engine, membersMax, log } = this.#options;
    const room: RoomRunner = await RoomRunner.open({
      engine,
      membersMax,
      log,
      onLost: () => {
        log.warn('room lost its media', { room: loggable(id) });
        this.#forget(id, room);
      },
      onEmpty: () => this.#startGrace(id, room),
    });
    this.#open.add(room);
    log.info('room opened', { room: loggable(id) });
    // Whoever asked for it may be gone before joining.
    this.#startGrace(id, room);
    return room;
  }

  #startGrace(id: CallId, room: RoomRunner): void {
    this.#cancelGrace(id);
    const timer = setTimeout(() => {
      this.#graces.delete(id);
      if (room.memberCount > 0 || room.isClosed) return;
      room.close();
      this.#forget(id, room);
      this.#options.log.info('room closed', { room: loggable(id) });
    }, this.#options.emptyGraceMs);
    timer.unref();
    this.#graces.set(id, timer);
  }

  #cancelGrace(id: CallId): void {
    clearTimeout(this.#graces.get(id));
    this.#graces.delete(id);
  }

  #forget(id: CallId, room: RoomRunner): void {
    this.#cancelGrace(id);
    this.#open.delete(room);
    this.#rooms.delete(id);
  }
}
