// A group call's media: keeps one connection to the SFU alive through losses,
// and one frame worker for as long as the call lasts.
import { type ErrorCode, ProtocolError } from '@carillon/protocol';
import type { Joined } from '../../calls/core/roster.ts';
import type { Room, RoomOptions, StatsEntry } from '../../calls/engine.ts';
import { backoffMs } from '../../connection/backoff.ts';
import type { BrowserMedia } from './browserMedia.ts';
import { FrameTransforms } from './frameTransforms.ts';
import { RoomSession } from './roomSession.ts';

/** Refusals that another attempt cannot mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['room-limit', 'call-unknown', 'call-not-yours', 'answered-elsewhere']);

export class BrowserRoom implements Room {
  readonly #options: RoomOptions & { readonly media: BrowserMedia };
  readonly #flows = new Set<number>();
  #transforms: FrameTransforms | undefined;
  #session: RoomSession | undefined;
  #members: ReadonlySet<number> = new Set();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
  #wasConnected = false;
  #closed = false;

  constructor(options: RoomOptions & { readonly media: BrowserMedia }) {
    this.#options = options;
    void this.#connect();
  }

  setMembers(members: readonly Joined[]): void {
    this.#members = new Set(members.map(({ number }) => number));
    this.#session?.setMembers(this.#members);
  }

  async stats(): Promise<StatsEntry[]> {
    const counters = this.#transforms?.counters;
    const entries = (await this.#session?.stats()) ?? [];
    return counters ? [...entries, { id: 'carillon-frames', type: 'carillon-frames', ...counters }] : entries;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#session?.close();
    this.#transforms?.close();
  }

  async #connect(): Promise<void> {
    const { events } = this.#options;
    try {
      const transforms = this.#frameTransforms();
      const assignment = await this.#assignment();
      if (!assignment || this.#closed) return;
      const { platform, iceServers, media } = this.#options;
      const session: RoomSession = new RoomSession({
        ...{ url: assignment.url, iceServers, media, transforms },
        WebSocket: platform.WebSocket,
        connected: () => {
          this.#attempt = 0;
          this.#wasConnected = true;
          events.connection('connected');
        },
        lost: (reason) => this.#lost(session, reason),
        remote: (remote) => events.remote(remote),
      });
      this.#session = session;
      session.setMembers(this.#members);
      await session
        .open(assignment.ticket)
        .catch((error: unknown) => this.#lost(session, error instanceof ProtocolError ? error : undefined));
    } catch (error) {
      // Not the network: this browser cannot do it.
      if (!this.#closed) events.connection('failed', error instanceof Error ? error.message : String(error));
    }
  }

  async #assignment(): Promise<Awaited<ReturnType<RoomOptions['assignment']>> | undefined> {
    try {
      return await this.#options.assignment();
    } catch (error) {
      this.#lost(undefined, error instanceof ProtocolError ? error : undefined);
      return undefined;
    }
  }

  /** Tried again until the call itself gives up; a room that never opened says at once that it will not. */
  #lost(session: RoomSession | undefined, reason: ProtocolError | undefined): void {
    if (this.#closed || this.#session !== session) return;
    session?.close();
    this.#session = undefined;
    const { events } = this.#options;
    if (reason && (FINAL.has(reason.code) || (reason.code === 'sfu-unavailable' && !this.#wasConnected))) {
      events.connection('failed', reason.message);
      return;
    }
    events.connection('disconnected');
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), backoffMs(this.#attempt++, Math.random()));
  }

  #frameTransforms(): FrameTransforms {
    this.#transforms ??= new FrameTransforms({
      keys: this.#options.keys,
      flows: (participant) => {
        this.#flows.add(participant);
        this.#options.events.flows(new Set(this.#flows));
      },
      forget: (participant) => {
        this.#flows.delete(participant);
        this.#options.events.flows(new Set(this.#flows));
      },
      needsKeyFrame: (consumerId) => this.#session?.needsKeyFrame(consumerId),
    });
    return this.#transforms;
  }
}
