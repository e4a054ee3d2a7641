// The messaging half of a signed-in device: its socket, and what hangs on it.
import type { KemPrekeyPair, SignedPrekeyPair } from '@carillon/messaging-core/e2ee';
import {
  type Address,
  MessagingClientFrameSchema,
  MessagingServerFrameSchema,
  type MessagingWelcome,
  PATHS,
  ProtocolError,
} from '@carillon/protocol';
import type { AccessTokens } from '../account/accessTokens.ts';
import { type HeldPrekeys, markPublished, renewPrekeys } from '../account/prekeys.ts';
import type { Body } from '../connection/frameSocket.ts';
import { socketUrl } from '../connection/origin.ts';
import { ReconnectingFrameSocket, type SocketState } from '../connection/reconnectingFrameSocket.ts';
import { isVisible, onNetwork } from '../connection/wake.ts';
import { Directory } from '../contacts/directory.ts';
import { greetDevices } from '../devices/greeting.ts';
import { copySent } from '../devices/ownCopies.ts';
import { OwnDevices } from '../devices/ownDevices.ts';
import type { Emitter } from '../events.ts';
import { createGroupHalf, type GroupHalf } from '../groups/groupHalf.ts';
import type { Account, ConnectionStatus } from '../model.ts';
import type { Platform } from '../ports.ts';
import { Social } from '../social/social.ts';
import type { Ledger } from '../store/ledger.ts';
import { Channel } from './channel.ts';
import { EnvelopeSender } from './envelopeSender.ts';
import { Inbox } from './inbox.ts';
import { Outbox } from './outbox.ts';
import { DeliveredReceipts } from './receipts.ts';
import { forgetOldReceived } from './received.ts';
import { Sessions } from './sessions.ts';

/** A clock this wrong makes times nonsense and certificates invalid. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Shorter: a dead connection is noticed sooner, in at most two of them; each costs a frame. */
const FOREGROUND_MS = 30_000;
/** Nobody looks: the radio of a phone sleeps longer. */
const BACKGROUND_MS = 5 * 60_000;

export interface MessengerParts {
  readonly platform: Platform;
  readonly baseUrl: string;
  readonly ledger: Ledger;
  readonly emitter: Emitter;
  readonly tokens: AccessTokens;
  readonly account: () => Account;
  readonly onStatus: (status: ConnectionStatus) => void;
  /** Another device of the account has changed the person's name. */
  readonly onProfile: (account: Account) => void;
  /** On each connection, once the outbox may be sent. */
  readonly onOnline: () => void;
  /** A device was linked: it may be owed something. */
  readonly onLinked: () => void;
}

type Socket = ReconnectingFrameSocket<typeof MessagingClientFrameSchema, typeof MessagingServerFrameSchema>;

export class Messenger {
  readonly directory: Directory;
  readonly sender: EnvelopeSender;
  readonly outbox: Outbox;
  readonly channel: Channel;
  readonly ownDevices: OwnDevices;
  readonly groupHalf: GroupHalf;
  readonly social: Social;
  readonly #delivered: DeliveredReceipts;
  readonly #parts: MessengerParts;
  readonly #socket: Socket;
  readonly #inbox: Inbox;
  #renewing: Promise<void> = Promise.resolve();
  #flushing: Promise<void> = Promise.resolve();
  #isForeground = isVisible();
  #stopVisibility = () => {};
  #welcome: MessagingWelcome | undefined;
  /** The server's clock less this device's, as of the last welcome. */
  #serverAheadMs = 0;
  #closed = false;

  constructor(parts: MessengerParts) {
    this.#parts = parts;
    const { platform, ledger, tokens, account } = parts;
    const { accountId, deviceId } = account();
    const local: Address = { accountId, deviceId };
    this.#socket = this.#createSocket();
    const socket = this.#socket;
    tokens.useShortcut(() =>
      socket.isOnline ? socket.request({ case: 'refreshToken', value: {} }, 'accessToken') : undefined,
    );
    this.ownDevices = new OwnDevices({
      ...{ platform, ledger, socket, account },
      emitter: parts.emitter,
      greet: (tx, devices, isPrimary) => (isPrimary ? greetDevices(tx, parts, devices) : Promise.resolve()),
      onGreeted: () => {
        this.#flush();
        parts.onLinked();
      },
    });
    const sessions = new Sessions(platform.crypto, local);
    this.directory = new Directory(ledger, socket, platform.crypto);
    const { directory } = this;
    this.sender = new EnvelopeSender({
      ledger,
      socket,
      directory,
      sessions,
      local,
      crypto: platform.crypto,
      now: platform.now,
      onForeignDevice: () => this.#onForeignDevice(),
    });
    this.groupHalf = createGroupHalf({
      ...{ platform, ledger, socket, directory, account },
      sender: this.sender,
      emitter: parts.emitter,
      onQueued: () => this.#flush(),
    });
    this.#delivered = new DeliveredReceipts({ platform, account, ledger, onQueued: () => this.#flush() });
    this.outbox = new Outbox({
      ledger,
      sender: this.sender,
      groups: this.groupHalf.sender,
      isOnline: () => socket.isOnline,
      now: platform.now,
      copySent: async (tx, item) => ((await copySent(tx, parts, item)) ? accountId : undefined),
      onStuck: () => this.#onLaneStuck(),
    });
    this.channel = new Channel({
      platform,
      ledger,
      socket,
      tokens,
      directory,
      sender: this.sender,
      outbox: this.outbox,
      account,
      serverNow: () => platform.now() + this.#serverAheadMs,
    });
    this.social = new Social({
      ...{ platform, ledger, socket, directory, account, onProfile: parts.onProfile },
      sender: this.sender,
      groups: this.groupHalf.sender,
      channel: this.channel,
      emitter: parts.emitter,
      onQueued: () => this.#flush(),
    });
    this.#inbox = new Inbox({
      platform,
      ledger,
      socket,
      directory,
      sessions,
      account,
      groups: this.groupHalf.inbox,
      onContent: (received) => this.channel.received(received),
      onForeignDevice: () => this.#onForeignDevice(),
      onIdle: () => {
        this.#flush();
        this.groupHalf.groups.kick();
      },
      onStuck: (error) => this.#onStuck(error),
    });
  }

  start(): void {
    this.#socket.start();
    this.channel.onContent('deviceHello', () => {
      // Asked again whenever somebody looks.
      this.ownDevices.onName().catch(() => {});
    });
    this.#stopVisibility = onNetwork({
      wake: () => {},
      lost: () => {},
      visible: (visible) => this.setForeground(visible),
    });
    const { ledger, platform } = this.#parts;
    forgetOldReceived(ledger, platform.now()).catch(() => {
      // Tried again with the next start; until then it only takes space.
    });
  }

  /** Looked at or not: how often a sign of life is given, and how soon silence is noticed. */
  setForeground(foreground: boolean): void {
    if (this.#isForeground === foreground) return;
    this.#isForeground = foreground;
    this.social.setActive(foreground);
    this.#socket.retune();
    if (foreground) this.catchUp();
  }

  /** The connection proves that it lives, at once; what is queued follows by itself. */
  catchUp(): void {
    this.#socket.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopVisibility();
    this.#socket.close();
    this.#delivered.close();
    await this.#inbox.close();
    await this.groupHalf.groups.close();
    await this.social.close();
    await this.outbox.close();
    await Promise.allSettled([this.#renewing, this.#flushing]);
  }

  #createSocket(): Socket {
    const { platform, baseUrl, tokens } = this.#parts;
    return new ReconnectingFrameSocket({
      url: socketUrl(baseUrl, PATHS.messaging.socket),
      WebSocket: platform.WebSocket,
      clientFrame: MessagingClientFrameSchema,
      serverFrame: MessagingServerFrameSchema,
      probe: { case: 'ping', value: {} },
      heartbeatMs: () => (this.#isForeground ? FOREGROUND_MS : BACKGROUND_MS),
      token: (refused) => {
        if (refused) tokens.forget();
        return tokens.get();
      },
      onPush: (body) => this.#onPush(body),
      onWelcome: (welcome) => this.#onWelcome(welcome),
      onState: (state) => this.#onState(state),
    });
  }

  #onPush(body: Body<typeof MessagingServerFrameSchema>): void {
    if (body.case === 'delivery') this.#inbox.push(body.value);
    else if (body.case === 'presence') this.social.presence(body.value);
    else if (body.case === 'prekeys') this.#renewPrekeys(heldOf(body.value));
    else if (body.case === 'ownDevices') this.#inTheBackground(this.ownDevices.onChange(body.value));
  }

  #onWelcome(welcome: MessagingWelcome): void {
    this.#serverAheadMs = Number(welcome.serverTimeMs) - this.#parts.platform.now();
    const offMs = Math.abs(this.#serverAheadMs);
    if (offMs > CLOCK_TOLERANCE_MS) {
      const words = `The clock of this device is ${Math.round(offMs / 60_000)} minutes off. Times will be wrong until it is set.`;
      this.#parts.emitter.emit('notice', { code: 'clock-wrong', words });
    }
    this.#welcome = welcome;
  }

  #onState(state: SocketState): void {
    if (state.state === 'offline') {
      this.#inbox?.connectionLost();
      this.social?.offline();
    }
    this.#parts.onStatus(statusOf(state));
    if (state.state !== 'online' || this.#closed) return;
    const welcome = this.#welcome;
    if (welcome) {
      this.#renewPrekeys(heldOf(welcome));
      this.#inTheBackground(this.ownDevices.onWelcome(welcome));
    }
    this.#flush();
    this.groupHalf.groups.kick();
    this.social.online(this.#isForeground);
    this.#parts.onOnline();
  }

  /** What the next connection brings up again. */
  #inTheBackground(work: Promise<void>): void {
    work.catch(() => {});
  }

  #flush(): void {
    this.#flushing = this.#flushing
      .then(() => this.#delivered.flush())
      .then(() => this.outbox.kick())
      .catch(() => {
        // What is owed stays owed; the next connection or message tries again.
      });
  }

  #renewPrekeys(held: HeldPrekeys): void {
    const { ledger, platform } = this.#parts;
    const renew = async () => {
      const fresh = await ledger.change((tx) => renewPrekeys(tx, platform.crypto, held, platform.now()));
      if (!fresh || this.#closed) return;
      const { signed, lastResortKem } = fresh;
      const value = {
        oneTimePrekeys: fresh.oneTime.map(({ id, publicKey }) => ({ id, publicKey })),
        kemPrekeys: fresh.kem.map(signedPublicKey),
        ...(signed ? { signedPrekey: signedPublicKey(signed) } : {}),
        ...(lastResortKem ? { lastResortKemPrekey: signedPublicKey(lastResortKem) } : {}),
      };
      await this.#socket.request({ case: 'publishPrekeys', value }, 'prekeys');
      await ledger.change((tx) => markPublished(tx, fresh));
    };
    this.#renewing = this.#renewing.then(renew).catch(() => {
      // The next welcome says again how many the server holds.
    });
  }

  #onForeignDevice(): void {
    const words =
      'The server names a device of this account that your main device has not confirmed. Nothing is sent to it.';
    this.#parts.emitter.emit('notice', { code: 'identity-changed', words });
  }

  #onStuck(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.#socket.drop(error);
      return;
    }
    const words = 'This device could not store what it received. It will try again; is there room left?';
    this.#parts.emitter.emit('notice', { code: 'storage-lost', words });
    this.#socket.drop(new ProtocolError('unreachable', { cause: error, words }));
  }

  #onLaneStuck(): void {
    const words = 'This device could not store what it sends. It will try again; is there room left?';
    this.#parts.emitter.emit('notice', { code: 'storage-lost', words });
  }
}

const heldOf = (held: { oneTimePrekeys: number; kemPrekeys: number }): HeldPrekeys => ({
  oneTime: held.oneTimePrekeys,
  kem: held.kemPrekeys,
});

const signedPublicKey = ({ id, publicKey, signature }: SignedPrekeyPair | KemPrekeyPair) => ({
  id,
  publicKey,
  signature,
});

function statusOf(state: SocketState): ConnectionStatus {
  if (state.state === 'online') return { state: 'online', words: undefined };
  const { state: now, reason } = state;
  return { state: now, words: reason?.message, ...(reason?.code === 'device-removed' ? { removed: true } : {}) };
}
