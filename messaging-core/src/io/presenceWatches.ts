// Whom the devices connected to this node watch. A watch goes on while it shows
// nothing: a change of privacy may let it see, or no more.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type AccountId, LIMITS, type PresenceSchema, ProtocolError } from '@carillon/protocol';
import type { Log } from '@carillon/service';
import type { MessagingStore } from '../core/messagingStore.ts';
import { maySeePresence, presenceKeyDigest } from '../core/presence.ts';
import type { PresenceState, Switchboard } from '../core/switchboard.ts';
import type { DeviceConnection } from './deviceConnection.ts';

/** Watches looked at again together after a change of privacy: more would hold up other requests. */
const WATCHES_AT_ONCE = 64;
const KEY_PREFIX = 'presence:';
const UNSEEN: PresenceState = { online: false, lastSeenMs: 0 };

type PresenceInit = MessageInitShape<typeof PresenceSchema>;

interface Watch {
  readonly device: DeviceConnection;
  readonly watched: AccountId;
  readonly shownDigest: Uint8Array | undefined;
  stop: () => void;
  visible: boolean;
  presence: PresenceState;
  /** What the device was told; undefined while its request is being answered. */
  told: Shown | undefined;
  /** Counts looks at privacy and blocks: only the latest begun is believed. */
  checks: number;
  ended: boolean;
}

interface Shown extends PresenceState {
  readonly visible: boolean;
}

export interface PresenceWatchesOptions {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly log: Log;
}

export class PresenceWatches {
  readonly #options: PresenceWatchesOptions;
  readonly #ofDevice = new Map<DeviceConnection, Map<AccountId, Watch>>();
  readonly #ofWatched = new Map<AccountId, Set<Watch>>();
  /** Accounts whose watches are being looked at; true when they changed again meanwhile. */
  readonly #checking = new Map<AccountId, boolean>();

  constructor(options: PresenceWatchesOptions) {
    this.#options = options;
    options.switchboard.onInvalidate((key) => {
      const watched = watchedOf(key);
      if (watched && this.#ofWatched.has(watched)) void this.#checkAll(watched);
    });
  }

  /** What is to be answered. A second watch of the same account replaces the first. @throws ProtocolError `watch-limit` */
  async start(device: DeviceConnection, watched: AccountId, presenceKey: Uint8Array): Promise<PresenceInit> {
    const watches = this.#ofDevice.get(device) ?? new Map<AccountId, Watch>();
    if (!watches.has(watched) && watches.size >= LIMITS.presenceWatchesMax) throw new ProtocolError('watch-limit');
    this.end(device, watched);
    const watch: Watch = {
      device,
      watched,
      shownDigest: presenceKeyDigest(presenceKey),
      stop: () => {},
      visible: false,
      presence: UNSEEN,
      told: undefined,
      checks: 0,
      ended: false,
    };
    this.#ofDevice.set(device, watches.set(watched, watch));
    this.#ofWatched.set(watched, (this.#ofWatched.get(watched) ?? new Set()).add(watch));
    try {
      await this.#follow(watch);
    } catch (error) {
      this.#drop(watch);
      throw error;
    }
    const answered = shownBy(watch);
    // What changes before the answer has gone out is told after it.
    setImmediate(() => {
      watch.told = answered;
      this.#tell(watch);
    });
    return onWire(watched, answered);
  }

  end(device: DeviceConnection, watched: AccountId): void {
    const watch = this.#ofDevice.get(device)?.get(watched);
    if (watch) this.#drop(watch);
  }

  endAll(device: DeviceConnection): void {
    for (const watch of [...(this.#ofDevice.get(device)?.values() ?? [])]) this.#drop(watch);
  }

  /** The account's privacy or blocks have changed: every node looks again at who watches it. */
  async changed(watched: AccountId): Promise<void> {
    await this.#options.switchboard.invalidate(`${KEY_PREFIX}${watched}`);
  }

  async #follow(watch: Watch): Promise<void> {
    const { store, switchboard } = this.#options;
    let told = false;
    const stop = await switchboard.watchPresence(watch.watched, (presence) => {
      told = true;
      watch.presence = presence;
      this.#tell(watch);
    });
    if (watch.ended) {
      stop();
      return;
    }
    watch.stop = stop;
    const [online, lastSeenMs] = await Promise.all([
      switchboard.isActive(watch.watched),
      store.lastSeenMs(watch.watched),
      this.#check(watch),
    ]);
    // A change heard meanwhile is newer than what was asked for.
    if (!told) watch.presence = { online, lastSeenMs };
  }

  async #check(watch: Watch): Promise<void> {
    const { store } = this.#options;
    const { watched, device, shownDigest } = watch;
    const check = ++watch.checks;
    const [privacy, isBlocked] = await Promise.all([
      store.privacy(watched),
      store.isBlocked(device.address.accountId, watched),
    ]);
    if (check === watch.checks) watch.visible = maySeePresence(privacy, isBlocked, shownDigest);
  }

  /** One round at a time for each account, however often its privacy changes. */
  async #checkAll(watched: AccountId): Promise<void> {
    if (this.#checking.has(watched)) {
      this.#checking.set(watched, true);
      return;
    }
    try {
      do {
        this.#checking.set(watched, false);
        const watches = [...(this.#ofWatched.get(watched) ?? [])];
        for (let start = 0; start < watches.length; start += WATCHES_AT_ONCE) {
          const batch = watches.slice(start, start + WATCHES_AT_ONCE);
          await Promise.all(batch.map((watch) => this.#check(watch)));
          for (const watch of batch) this.#tell(watch);
        }
      } while (this.#checking.get(watched));
    } catch (error) {
      // Better unseen than seen by whom it was just hidden from.
      for (const watch of this.#ofWatched.get(watched) ?? []) {
        watch.visible = false;
        this.#tell(watch);
      }
      this.#options.log.error('presence watches could not be looked at again', { error: String(error) });
    } finally {
      this.#checking.delete(watched);
    }
  }

  /** Only what is news to the device. */
  #tell(watch: Watch): void {
    const { told } = watch;
    if (!told || watch.ended) return;
    const { visible, online, lastSeenMs } = shownBy(watch);
    if (told.visible === visible && told.online === online && told.lastSeenMs === lastSeenMs) return;
    watch.told = { visible, online, lastSeenMs };
    watch.device.send({ body: { case: 'presence', value: onWire(watch.watched, watch.told) } });
  }

  #drop(watch: Watch): void {
    watch.ended = true;
    watch.stop();
    const watches = this.#ofDevice.get(watch.device);
    watches?.delete(watch.watched);
    if (watches?.size === 0) this.#ofDevice.delete(watch.device);
    const watchers = this.#ofWatched.get(watch.watched);
    watchers?.delete(watch);
    if (watchers?.size === 0) this.#ofWatched.delete(watch.watched);
  }
}

function watchedOf(key: string): AccountId | undefined {
  return key.startsWith(KEY_PREFIX) ? (key.slice(KEY_PREFIX.length) as AccountId) : undefined;
}

/** Hidden, blocked, unknown: all look alike. */
function shownBy({ visible, presence }: Watch): Shown {
  return visible ? { ...presence, visible } : { ...UNSEEN, visible };
}

function onWire(accountId: AccountId, { visible, online, lastSeenMs }: Shown): PresenceInit {
  return { accountId, visible, online, lastSeenMs: BigInt(lastSeenMs) };
}
