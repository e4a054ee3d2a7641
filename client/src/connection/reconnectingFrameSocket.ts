// A frame socket that stays: after every loss it connects again, ever slower,
// at once when the network or the person is back. What has to happen on each new
// connection (attach a call, empty the outbox) is the owner's `onWelcome`.
import type { DescMessage } from '@bufbuild/protobuf';
import { type ErrorCode, ProtocolError } from '@carillon/protocol';
import { backoffMs } from './backoff.ts';
import {
  type Body,
  type BodyInit,
  type Case,
  FrameSocket,
  type FrameSocketOptions,
  type Value,
} from './frameSocket.ts';
import { onNetwork } from './wake.ts';

/** Silence after which the connection is probed, where nothing else was said. Lower: a dead one is noticed sooner, and idle devices cost more. */
const PROBE_AFTER_MS = 45_000;
/** How long a probe may take before the connection counts as lost. */
const PROBE_TIMEOUT_MS = 5_000;
/** The same when somebody has just come to look: a dead one is not to keep them waiting. */
const CATCH_UP_TIMEOUT_MS = 2_000;
/** Requests that wait for the hello to go right behind it; the server keeps 16. */
const EARLY_MAX = 8;
/** A connection that held for so long was a good one. Longer: a server that takes everybody and drops them is asked less often. */
const STEADY_MS = 5_000;
/** The waits after shorter ones grow no further than this attempt's. Higher: whoever meets a restarting server waits longer. */
const UNSTEADY_ATTEMPT_MAX = 4;
/** However long a server wishes. Longer: one mistake of a server keeps its devices away for longer. */
const RETRY_AFTER_MAX_MS = 5 * 60_000;
/** A probe goes so early within the interval that it still arrives in time. */
const PROBE_EARLY = 0.8;

/** Refusals that another attempt cannot mend. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  'device-removed',
  'unsupported-version',
  'replaced-by-new-connection',
  'device-unknown',
  'account-unknown',
]);

export type SocketState =
  | { readonly state: 'connecting'; readonly reason: ProtocolError | undefined }
  | { readonly state: 'online' }
  /** `final`: it does not try again by itself. */
  | { readonly state: 'offline'; readonly reason: ProtocolError | undefined; readonly final: boolean };

export interface ReconnectingFrameSocketOptions<Out extends DescMessage, In extends DescMessage>
  extends Omit<FrameSocketOptions<Out, In>, 'onClose'> {
  /** A token for the hello; `refused` when the last one was not taken. @throws ProtocolError */
  token(refused: boolean): Promise<string>;
  /** On each connection, before `state` says online; a throw ends this connection. */
  onWelcome?(welcome: Value<In, Extract<Case<In>, 'welcome'>>, socket: FrameSocket<Out, In>): Promise<void> | void;
  onState?(state: SocketState): void;
  /** A harmless request: its answer, any answer, shows that the connection lives. */
  readonly probe?: BodyInit<Out>;
  readonly random?: () => number;
}

export class ReconnectingFrameSocket<Out extends DescMessage, In extends DescMessage> {
  readonly #options: ReconnectingFrameSocketOptions<Out, In>;
  /** Sent right behind the next hello. */
  #early: { send(socket: FrameSocket<Out, In>): void; reject(error: ProtocolError): void }[] = [];
  #isGreeted = false;
  readonly #waiters = new Set<{ resolve: () => void; reject: (error: Error) => void }>();
  #socket: FrameSocket<Out, In> | undefined;
  #state: SocketState = { state: 'offline', reason: undefined, final: false };
  #running = false;
  #attempt = 0;
  /** On the performance clock; undefined while it is not online. */
  #onlineSinceMs: number | undefined;
  #tokenRefused = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #probeTimer: ReturnType<typeof setTimeout> | undefined;
  #stopNetwork: (() => void) | undefined;

  constructor(options: ReconnectingFrameSocketOptions<Out, In>) {
    this.#options = options;
  }

  get state(): SocketState {
    return this.#state;
  }

  get isOnline(): boolean {
    return this.#state.state === 'online';
  }

  /** Connects, and stays connected until `close`. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopNetwork = onNetwork({
      wake: () => this.wake(),
      // The socket itself would look open for many seconds more. A server on this very machine is found again at once.
      lost: () => this.drop(new ProtocolError('unreachable', { words: 'This device is offline.' })),
    });
    this.#scheduleProbe();
    void this.#connect();
  }

  /**
   * `heartbeatMs` says something else now. A shorter interval holds at once; a
   * longer one from the next connection on, since this one's hello has promised.
   */
  retune(): void {
    if (!this.#running) return;
    this.#scheduleProbe();
  }

  /** Tries at once; an open connection proves that it lives, soon. */
  wake(): void {
    if (!this.#running) return;
    if (this.#socket?.isOpen) {
      this.#probe(CATCH_UP_TIMEOUT_MS);
    } else if (!this.#socket) {
      this.#attempt = 0;
      clearTimeout(this.#timer);
      void this.#connect();
    }
  }

  /** Resolves once online. @throws ProtocolError `unreachable` after `timeoutMs`, or the final refusal */
  async online(timeoutMs: number): Promise<void> {
    if (this.isOnline) return;
    if (this.#state.state === 'offline' && this.#state.final) throw this.#state.reason ?? closed();
    await new Promise<void>((resolve, reject) => {
      const waiter = {
        resolve: () => finish(resolve),
        reject: (error: Error) => finish(() => reject(error)),
      };
      const timer = setTimeout(() => {
        const { state } = this;
        waiter.reject((state.state !== 'online' && state.reason) || new ProtocolError('unreachable'));
      }, timeoutMs);
      const finish = (then: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        then();
      };
      this.#waiters.add(waiter);
    });
  }

  /** Gives an attempt under way its time; never throws. */
  async settle(timeoutMs: number): Promise<void> {
    if (this.#state.state === 'connecting') await this.online(timeoutMs).catch(() => {});
  }

  /** @throws ProtocolError the refusal, or `unreachable` at once when not online */
  request<Name extends Case<In>>(body: BodyInit<Out>, reply: Name): Promise<Value<In, Name>> {
    if (!this.isOnline || !this.#socket) return Promise.reject(new ProtocolError('unreachable'));
    return this.#socket.request(body, reply);
  }

  /**
   * As `request`, but right behind the hello of a connection that is being made: a round trip sooner. For what needs
   * nothing of `onWelcome`. @throws ProtocolError `unreachable` when there is no such connection, or it is not made
   */
  requestEarly<Name extends Case<In>>(body: BodyInit<Out>, reply: Name): Promise<Value<In, Name>> {
    const socket = this.#socket;
    if (socket && this.#isGreeted) return socket.request(body, reply);
    if (!socket || this.#early.length >= EARLY_MAX) return Promise.reject(new ProtocolError('unreachable'));
    return new Promise((resolve, reject) => {
      this.#early.push({ send: (greeted) => greeted.request(body, reply).then(resolve, reject), reject });
    });
  }

  /** Gives this connection up, for a reason of this device's own; the next follows after the usual wait. */
  drop(reason: ProtocolError): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.close(reason);
    // One that still waits for its token says nothing of its end.
    this.#lost(socket, reason);
  }

  /** Ends it for good. */
  close(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    clearTimeout(this.#probeTimer);
    this.#stopNetwork?.();
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
    this.#dropEarly(closed());
    this.#enter({ state: 'offline', reason: undefined, final: true });
  }

  async #connect(): Promise<void> {
    const socket = new FrameSocket<Out, In>({
      ...this.#options,
      onPush: (body: Body<In>) => this.#options.onPush(body),
      onHello: () => {
        if (this.#socket !== socket) return;
        this.#isGreeted = true;
        for (const { send } of this.#early.splice(0)) send(socket);
      },
      onClose: (reason) => this.#lost(socket, reason),
    });
    this.#isGreeted = false;
    this.#socket = socket;
    this.#enter({ state: 'connecting', reason: this.#state.state === 'online' ? undefined : this.#state.reason });
    try {
      const token = await this.#options.token(this.#tokenRefused);
      if (this.#socket !== socket) return;
      const welcome = await socket.connect(token);
      this.#tokenRefused = false;
      await this.#options.onWelcome?.(welcome, socket);
      if (this.#socket !== socket || !socket.isOpen) return;
      this.#onlineSinceMs = performance.now();
      this.#enter({ state: 'online' });
    } catch (error) {
      const reason = error instanceof ProtocolError ? error : new ProtocolError('internal-error', { cause: error });
      socket.close(reason);
      this.#lost(socket, reason);
    }
  }

  #lost(socket: FrameSocket<Out, In>, reason: ProtocolError): void {
    if (this.#socket !== socket || !this.#running) return;
    this.#socket = undefined;
    this.#dropEarly(reason);
    const final = FINAL.has(reason.code);
    this.#tokenRefused = reason.code === 'token-invalid' || reason.code === 'token-expired';
    if (this.#onlineSinceMs !== undefined) {
      const isSteady = performance.now() - this.#onlineSinceMs >= STEADY_MS;
      this.#attempt = isSteady ? 0 : Math.min(this.#attempt, UNSTEADY_ATTEMPT_MAX);
      this.#onlineSinceMs = undefined;
    }
    this.#enter({ state: 'offline', reason, final });
    // Whoever was told may have closed it, or have had it try at once.
    if (final || !this.#running || this.#socket) return;
    const waitMs = Math.max(
      backoffMs(this.#attempt++, (this.#options.random ?? Math.random)()),
      Math.min(reason.details.retryAfterMs ?? 0, RETRY_AFTER_MAX_MS),
    );
    this.#timer = setTimeout(() => void this.#connect(), waitMs);
  }

  #dropEarly(reason: ProtocolError): void {
    for (const { reject } of this.#early.splice(0)) reject(reason);
  }

  get #intervalMs(): number {
    const promisedMs = this.#socket?.heartbeatMs || Number.POSITIVE_INFINITY;
    return Math.min(this.#options.heartbeatMs?.() ?? PROBE_AFTER_MS, promisedMs);
  }

  /** Some frame goes within each interval, and silence is answered by a probe: a dead connection is noticed within two. */
  #scheduleProbe(): void {
    clearTimeout(this.#probeTimer);
    if (!this.#options.probe) return;
    const dueMs = this.#intervalMs * PROBE_EARLY;
    const socket = this.#socket;
    // Either side's silence: the server has to hear of us, and we of it.
    const idleMs = socket?.isOpen ? idleSince(socket) : 0;
    const wait = () => {
      if (socket?.isOpen && this.#socket === socket && idleSince(socket) >= dueMs) this.#probe(PROBE_TIMEOUT_MS);
      this.#scheduleProbe();
    };
    this.#probeTimer = setTimeout(wait, Math.max(dueMs - idleMs, dueMs / 4));
  }

  #probe(timeoutMs: number): void {
    const { probe } = this.#options;
    const socket = this.#socket;
    if (!probe || !socket || !this.isOnline) return;
    const timer = setTimeout(
      () => socket.close(new ProtocolError('unreachable', { words: 'The connection to the server was lost.' })),
      timeoutMs,
    );
    const answered = () => clearTimeout(timer);
    socket.request(probe, 'probe' as Case<In>).then(answered, answered);
  }

  #enter(state: SocketState): void {
    this.#state = state;
    if (state.state === 'online') for (const waiter of [...this.#waiters]) waiter.resolve();
    if (state.state === 'offline' && state.final) {
      const reason = state.reason ?? closed();
      for (const waiter of [...this.#waiters]) waiter.reject(reason);
    }
    this.#options.onState?.(state);
  }
}

const closed = () => new ProtocolError('unreachable', { words: 'The connection was closed.' });

const idleSince = (socket: { readonly lastReceivedAt: number; readonly lastSentAt: number }): number =>
  performance.now() - Math.min(socket.lastReceivedAt, socket.lastSentAt);
