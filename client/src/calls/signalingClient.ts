// This device's signaling socket: open only while a call rings or runs, one for
// all of its calls. After a loss it connects again and every live call is taken
// up where it was; media goes on meanwhile.
import {
  type CallId,
  type ErrorCode,
  PATHS,
  ProtocolError,
  type Relayed,
  SignalingClientFrameSchema,
  SignalingServerFrameSchema,
} from '@carillon/protocol';
import type { BodyInit, Case, FrameSocket, Value } from '../connection/frameSocket.ts';
import { socketUrl } from '../connection/origin.ts';
import { ReconnectingFrameSocket } from '../connection/reconnectingFrameSocket.ts';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { CallEndReason } from '../model.ts';
import type { Platform } from '../ports.ts';
import { endReason, type Snapshot, snapshotOf } from './core/roster.ts';
import type { IceServer } from './engine.ts';

type Client = typeof SignalingClientFrameSchema;
type Server = typeof SignalingServerFrameSchema;

/** How long a request waits for a connection. Lower gives up in a tunnel, higher keeps the person waiting. */
const ONLINE_WAIT_MS = 15_000;
/** A retried request after a lost connection; each waits for the connection first. */
const ATTEMPTS_MAX = 4;
/**
 * Pauses before signaling is asked again about a call that it does not know yet; the last is that of all further ones.
 * An invite may overtake its call, by seconds where the caller's network is slow. Shorter ones cost requests.
 */
const UNKNOWN_AGAIN_MS = [100, 200, 400, 800, 1_600];
/** What may pass while a call rings: the call is on its way here, the network or what calls are kept in is away. */
const PASSING: ReadonlySet<string> = new Set<ErrorCode>([
  'call-unknown',
  'unreachable',
  'shutting-down',
  'internal-error',
  'rate-limited',
]);
/** The first pause before a server that cannot answer is asked again; the next is twice as long. */
const AWAY_MS = 500;

export interface Asking {
  /** The first try goes right behind the hello, a round trip sooner. */
  readonly early?: boolean;
  /** Asked before each try: what nobody wants any more is not said. */
  isWanted?(): boolean;
}

/** One call's side of the socket. */
export interface SignalingListener {
  readonly callId: CallId;
  /** Sequence of the last relayed frame taken, or undefined while there is nothing to attach to. */
  readonly receivedSeq: bigint | undefined;
  /** It has only a word to say there; a call of this id takes its place. */
  readonly givesWay?: boolean;
  snapshot(snapshot: Snapshot): void;
  ended(reason: CallEndReason, by: string): void;
  relayed(relayed: Relayed): void;
  forgotten(): void;
  socket(up: boolean): void;
}

export interface SignalingClientOptions {
  readonly channel: ContentChannel;
  readonly baseUrl: string;
  readonly platform: Platform;
}

export class SignalingClient {
  readonly #options: SignalingClientOptions;
  readonly #calls = new Map<CallId, SignalingListener>();
  #socket: ReconnectingFrameSocket<Client, Server> | undefined;
  #iceServers: readonly IceServer[] = [];

  constructor(options: SignalingClientOptions) {
    this.#options = options;
  }

  /** As given at the last connection; their credentials last hours. */
  get iceServers(): readonly IceServer[] {
    return this.#iceServers;
  }

  /** Media can be led through a relay, which hides where this device is. */
  get hasRelay(): boolean {
    return this.#iceServers.some(({ urls }) => urls.some((url) => /^turns?:/.test(url)));
  }

  has(call: CallId): boolean {
    const listener = this.#calls.get(call);
    return listener !== undefined && !listener.givesWay;
  }

  /** Opens the socket if none is open; returns the way to let go of it. */
  join(listener: SignalingListener): () => void {
    this.#calls.set(listener.callId, listener);
    this.#open();
    return () => {
      if (this.#calls.get(listener.callId) === listener) this.#calls.delete(listener.callId);
      if (this.#calls.size === 0) this.close();
    };
  }

  /** Media is gone, perhaps with the network: a dead connection would look open for long, and what heals a call goes over it. */
  prove(): void {
    this.#socket?.wake();
  }

  /** @throws ProtocolError `unreachable` */
  async online(): Promise<void> {
    // With the last call gone there is nobody to open a socket again for.
    if (this.#calls.size === 0) throw new ProtocolError('unreachable');
    await this.#open().online(ONLINE_WAIT_MS);
  }

  /**
   * Waits for the connection, and repeats what a lost connection left unanswered.
   * A body given as a function is made at the moment of each sending.
   * @throws ProtocolError `call-state` when it is not wanted any more
   */
  async request<Name extends Case<Server>>(
    body: BodyInit<Client> | (() => BodyInit<Client>),
    reply: Name,
    { early = false, isWanted = () => true }: Asking = {},
  ): Promise<Value<Server, Name>> {
    for (let attempt = 1; ; attempt++) {
      const isEarly = early && attempt === 1;
      if (!isEarly || this.#calls.size === 0) await this.online();
      if (!isWanted()) throw new ProtocolError('call-state');
      try {
        const made = typeof body === 'function' ? body() : body;
        if (!isEarly) return await this.#open().request(made, reply);
        const got = await this.#open().requestEarly(made, reply);
        // The answer may be read before the welcome is acted on, which brings the ICE servers.
        await this.online();
        return got;
      } catch (error) {
        const code = error instanceof ProtocolError ? error.code : undefined;
        // What calls are kept in is away for a moment: a hang-up must not be lost to that.
        const away = code === 'internal-error';
        // Whatever became of the early one, the connection may have been no good.
        const lost = isEarly || away || code === 'unreachable' || code === 'shutting-down';
        if (!lost || attempt >= ATTEMPTS_MAX) throw error;
        if (away) await new Promise((resolve) => setTimeout(resolve, AWAY_MS * 2 ** attempt));
      }
    }
  }

  /**
   * `request`, about a call of which one has just had the invite: again and again, until it is answered or not wanted
   * any more. @throws ProtocolError
   */
  async requestInvited<Name extends Case<Server>>(
    body: BodyInit<Client>,
    reply: Name,
    isWanted: () => boolean,
  ): Promise<Value<Server, Name>> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.request(body, reply, { early: true, isWanted });
      } catch (error) {
        const isPassing = error instanceof ProtocolError && PASSING.has(error.code);
        if (!isPassing || this.#calls.size === 0) throw error;
        const waitMs = UNKNOWN_AGAIN_MS[Math.min(attempt, UNKNOWN_AGAIN_MS.length - 1)]!;
        await new Promise((resolve) => setTimeout(resolve, Math.max(waitMs, error.details.retryAfterMs ?? 0)));
      }
    }
  }

  async state(body: BodyInit<Client>, asking: Asking = {}): Promise<Snapshot> {
    return snapshotOf(await this.request(body, 'state', asking));
  }

  close(): void {
    this.#calls.clear();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  #open(): ReconnectingFrameSocket<Client, Server> {
    if (this.#socket) return this.#socket;
    const { baseUrl, platform, channel } = this.#options;
    const socket = new ReconnectingFrameSocket<Client, Server>({
      url: socketUrl(baseUrl, PATHS.signaling.socket),
      WebSocket: platform.WebSocket,
      clientFrame: SignalingClientFrameSchema,
      serverFrame: SignalingServerFrameSchema,
      token: (refused) => channel.accessToken(refused),
      onWelcome: async (welcome, opened) => {
        this.#iceServers = welcome.iceServers.map(({ urls, username, credential }) => ({ urls, username, credential }));
        for (const call of [...this.#calls.values()]) await this.#attach(opened, call);
      },
      onState: ({ state }) => {
        if (this.#socket !== socket) return;
        for (const call of [...this.#calls.values()]) call.socket(state === 'online');
      },
      onPush: (body) => {
        switch (body.case) {
          case 'state':
            this.#calls.get(body.value.callId as CallId)?.snapshot(snapshotOf(body.value));
            break;
          case 'ended':
            this.#calls.get(body.value.callId as CallId)?.ended(endReason(body.value.reason), body.value.byAccountId);
            break;
          case 'relayed':
            this.#calls.get(body.value.callId as CallId)?.relayed(body.value);
            break;
          default:
        }
      },
      // A dead connection must be noticed while people talk; a call that does not exist is answered quickly.
      probe: { case: 'attach', value: { callId: 'AAAAAAAAAAAAAAAAAAAAAA', receivedSeq: 0n } },
    });
    this.#socket = socket;
    socket.start();
    return socket;
  }

  async #attach(socket: FrameSocket<Client, Server>, call: SignalingListener): Promise<void> {
    const { callId, receivedSeq } = call;
    if (receivedSeq === undefined) return;
    try {
      call.snapshot(snapshotOf(await socket.request({ case: 'attach', value: { callId, receivedSeq } }, 'state')));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      if (error.code === 'call-unknown' || error.code === 'call-not-yours') call.forgotten();
      else throw error;
    }
  }
}
