// A group call's media: keeps one connection to the SFU alive through losses,
// and one frame worker for as long as the call lasts.
import { ProtocolError } from '@carillon/protocol';
import type { Joined } from '../../calls/core/roster.ts';
import type { Room, RoomOptions, StatsEntry } from '../../calls/engine.ts';
import { backoffMs } from '../../connection/backoff.ts';
import type { BrowserMedia } from './browserMedia.ts';
import { FrameTransforms } from './frameTransforms.ts';
import { RoomSession } from './roomSession.ts';

export class BrowserRoom implements Room {
  readonly #options: RoomOptions & { readonly media: BrowserMedia };
  readonly #flows = new Set<number>();
  #transforms: FrameTransforms | undefined;
  #session: RoomSession | undefined;
  #members: ReadonlySet<number> = new Set();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempt = 0;
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
    const { events, assignment, platform, iceServers, media } = this.#options;
    try {
      const transforms = this.#frameTransforms();
      const { url, ticket } = await assignment();
      if (this.#closed) return;
      const session: RoomSession = new RoomSession({
        ...{ url, iceServers, media, transforms },
        WebSocket: platform.WebSocket,
        connected: () => {
          this.#attempt = 0;
          events.connection('connected');
        },
        lost: (reason) => this.#lost(session, reason),
        remote: (remote) => events.remote(remote),
      });
      this.#session = session;
      session.setMembers(this.#members);
      await session.open(ticket);
    } catch (error) {
      if (error instanceof ProtocolError) this.#lost(this.#session, error);
      else if (!this.#closed) events.connection('failed', error instanceof Error ? error.message : String(error));
    }
  }

  /** Tried again until the call itself gives up. */
  #lost(session: RoomSession | undefined, reason: ProtocolError): void {
    if (this.#closed || this.#session !== session) return;
    session?.close();
    this.#session = undefined;
    const { events } = this.#options;
    if (reason.code === 'sfu-unavailable' || reason.code === 'room-limit' || reason.code === 'call-unknown') {
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
