// Owns one room's state: drains events through the core one at a time and
// carries out its effects. Nothing awaits between reading and writing the state.
import { ProtocolError } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import { participantOf, producerView } from '../core/access.ts';
import { createRoom, step } from '../core/room.ts';
import {
  type Direction,
  KIND_OF_SOURCE,
  type LinkId,
  type Participant,
  type ProducerView,
  type RoomEvent,
  type RoomState,
  type Source,
} from '../core/roomTypes.ts';
import { pushBody } from './frames.ts';
import type { Link } from './link.ts';
import type { ConsumerOffer, MediaEngine, RoomMedia, TransportOffer } from './mediaEngine.ts';

export interface RoomRunnerOptions {
  readonly engine: MediaEngine;
  readonly membersMax: number;
  readonly log: Log;
  /** Its media is gone: the sockets have been told. */
  readonly onLost: () => void;
  readonly onEmpty: () => void;
}

export class RoomRunner {
  readonly #options: RoomRunnerOptions;
  readonly #links = new Map<LinkId, Link>();
  readonly #capabilities = new Map<LinkId, unknown>();
  #state: RoomState;
  #media!: RoomMedia;
  #isClosed = false;

  private constructor(options: RoomRunnerOptions) {
    this.#options = options;
    this.#state = createRoom(options.membersMax);
  }

  /** @throws ProtocolError `sfu-unavailable` */
  static async open(options: RoomRunnerOptions): Promise<RoomRunner> {
    const runner = new RoomRunner(options);
    runner.#media = await options.engine.openRoom({
      layersChanged: (consumerId, layers) => runner.#report({ type: 'layers-changed', consumerId, layers }),
      loudest: (producerId) => runner.#report({ type: 'loudest', producerId }),
      lost: () => runner.#lose(),
    });
    return runner;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  get memberCount(): number {
    return this.#state.members.size;
  }

  get rtpCapabilities(): unknown {
    return this.#media.rtpCapabilities;
  }

  /** Everyone but the link itself, and all they send. */
  view(link: LinkId): { members: Participant[]; producers: ProducerView[] } {
    const others = [...this.#state.members.values()].filter((member) => member.link !== link);
    const numbers = new Set(others.map((member) => member.number));
    return {
      members: others.map(participantOf),
      producers: [...this.#state.producers.values()]
        .filter((producer) => numbers.has(producer.number))
        .map((producer) => producerView(this.#state, producer)),
    };
  }

  join(link: Link, participant: Participant): void {
    if (this.#isClosed) throw new ProtocolError('sfu-unavailable');
    this.#links.set(link.id, link);
    try {
      void this.apply({ type: 'join', link: link.id, ...participant });
    } catch (error) {
      this.#links.delete(link.id);
      throw error;
    }
  }

  leave(link: LinkId): void {
    this.#forget(link);
    if (this.#isClosed) return;
    void this.apply({ type: 'leave', link });
    if (this.#state.members.size === 0) this.#options.onEmpty();
  }

  /**
   * Takes one event; resolves when the engine has done what followed from it.
   * @throws ProtocolError, at once, when the event is a refused request.
   */
  apply(event: RoomEvent): Promise<void> {
    const { state, effects } = step(this.#state, event);
    this.#state = state;
    const work: Promise<void>[] = [];
    for (const effect of effects) {
      if (effect.type === 'push') this.#links.get(effect.to)?.push(pushBody(effect.push));
      else if (effect.type === 'media') work.push(this.#media.command(effect.command));
      else this.#end(effect.link, new ProtocolError(effect.code));
    }
    const all = Promise.all(work).then(() => {});
    // Whoever asked sees the failure; without an asker there is nobody to tell.
    all.catch((error: unknown) => this.#options.log.warn('media command failed', { error: String(error) }));
    return all;
  }

  setCapabilities(link: LinkId, rtpCapabilities: unknown): void {
    this.#media.checkCapabilities(rtpCapabilities);
    void this.apply({ type: 'capable', link });
    this.#capabilities.set(link, rtpCapabilities);
  }

  openTransport(link: LinkId, direction: Direction): Promise<TransportOffer> {
    return this.#reserved(
      { type: 'transport-wanted', link, direction },
      () => this.#media.openTransport(),
      ({ id }) => ({ type: 'transport-opened', link, direction, transportId: id }),
      { type: 'transport-failed', link, direction },
    );
  }

  async connectTransport(link: LinkId, transportId: string, dtlsParameters: unknown): Promise<void> {
    await this.apply({ type: 'transport-asked', link, transportId });
    await this.#media.connectTransport(transportId, dtlsParameters);
  }

  async restartIce(link: LinkId, transportId: string): Promise<unknown> {
    await this.apply({ type: 'transport-asked', link, transportId });
    return this.#media.restartIce(transportId);
  }

  produce(link: LinkId, transportId: string, source: Source, rtpParameters: unknown): Promise<string> {
    const number = [...this.#state.members.values()].find((member) => member.link === link)?.number ?? 0;
    return this.#reserved(
      { type: 'produce-wanted', link, transportId, source },
      () => this.#media.produce(transportId, { number, source, kind: KIND_OF_SOURCE[source], rtpParameters }),
      (producerId) => ({ type: 'produced', link, transportId, source, producerId }),
      { type: 'produce-failed', link, source },
    );
  }

  consume(link: LinkId, transportId: string, producerId: string): Promise<ConsumerOffer> {
    return this.#reserved(
      { type: 'consume-wanted', link, transportId, producerId },
      () => this.#media.consume(transportId, producerId, this.#capabilities.get(link)),
      ({ id }) => ({ type: 'consumed', link, transportId, producerId, consumerId: id }),
      { type: 'consume-failed', link, producerId },
    );
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#media.close();
  }

  /** Reserves a place, lets the engine work, and fills the place or frees it. */
  async #reserved<T>(
    wanted: RoomEvent,
    work: () => Promise<T>,
    done: (result: T) => RoomEvent,
    failed: RoomEvent,
  ): Promise<T> {
    void this.apply(wanted);
    let result: T;
    try {
      result = await work();
    } catch (error) {
      if (!this.#isClosed) void this.apply(failed);
      throw error;
    }
    if (this.#isClosed) throw new ProtocolError('sfu-unavailable');
    void this.apply(done(result));
    return result;
  }

  #report(event: RoomEvent): void {
    if (!this.#isClosed) void this.apply(event);
  }

  #lose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const link of [...this.#links.keys()]) this.#end(link, new ProtocolError('sfu-unavailable'));
    this.#options.onLost();
  }

  #end(link: LinkId, error: ProtocolError): void {
    this.#links.get(link)?.fail(error);
    this.#forget(link);
  }

  #forget(link: LinkId): void {
    this.#links.delete(link);
    this.#capabilities.delete(link);
  }
}
