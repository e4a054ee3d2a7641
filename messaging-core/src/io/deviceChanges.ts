// What has to follow when a device comes to an account or leaves it: all that
// holds something of it is told, here and on the other nodes.
import type { MessageInitShape } from '@bufbuild/protobuf';
import type { AccountId, Address, MessagingServerFrameSchema } from '@carillon/protocol';
import { type Log, loggable } from '@carillon/service';
import type { MessagingStore, RegisteredDevice } from '../core/messagingStore.ts';
import type { Switchboard } from '../core/switchboard.ts';
import type { EventNotes } from './eventNotes.ts';
import type { Revocations } from './revocations.ts';
import { listFrame } from './wireRecords.ts';

type Frame = MessageInitShape<typeof MessagingServerFrameSchema>;
/** Exactly when somebody last used a device is not the account's other devices' business either. */
const SEEN_PRECISION_MS = 3600_000;

export interface DeviceChangesOptions {
  readonly store: MessagingStore;
  readonly switchboard: Switchboard;
  readonly revocations: Revocations;
  readonly events: EventNotes;
  readonly now: () => number;
  readonly log: Log;
}

/** Its methods never reject: the change itself is durable already, and what could not be told is logged. */
export class DeviceChanges {
  readonly #options: DeviceChangesOptions;

  constructor(options: DeviceChangesOptions) {
    this.#options = options;
  }

  async registered({ address, removed }: RegisteredDevice): Promise<void> {
    const { accountId } = address;
    this.#note('device registered', 'device-added', address);
    await this.#tell(async () => {
      await Promise.all(removed.map((deviceId) => this.#cut({ accountId, deviceId })));
    });
  }

  async linked(address: Address): Promise<void> {
    this.#note('device linked', 'device-added', address);
    await this.#tell(() => this.#changed(address.accountId));
  }

  async removed(address: Address): Promise<void> {
    await this.#tell(() => this.#cut(address));
    await this.#tell(() => this.#changed(address.accountId));
  }

  /** As the account's own devices see them. */
  async ownDevices(accountId: AccountId): Promise<Frame> {
    const { store, switchboard, now } = this.#options;
    const [records, account] = await Promise.all([store.devices(accountId), store.accountById(accountId)]);
    const devices = await Promise.all(
      records.map(async ({ deviceId, identityKey, createdAtMs, lastSeenMs }) => {
        const connected = await switchboard.isConnected({ accountId, deviceId });
        const seenMs = connected ? now() : lastSeenMs - (lastSeenMs % SEEN_PRECISION_MS);
        return {
          deviceId,
          identityKey,
          createdAtMs: BigInt(createdAtMs),
          lastSeenMs: BigInt(seenMs),
          connected,
        };
      }),
    );
    const list = account?.deviceList;
    return {
      body: { case: 'ownDevices', value: { devices, ...(list ? { deviceList: listFrame(list) } : {}) } },
    };
  }

  async #cut(address: Address): Promise<void> {
    const { switchboard, revocations } = this.#options;
    this.#note('device removed', 'device-removed', address);
    // Its socket here ends whether or not its tokens can be put on the list for the other services.
    await Promise.all([revocations.add(address), switchboard.signal(address, { type: 'cut', why: 'device-removed' })]);
  }

  async #changed(accountId: AccountId): Promise<void> {
    const { store, switchboard } = this.#options;
    const devices = await store.devices(accountId);
    await Promise.all(
      devices.map(({ deviceId }) => switchboard.signal({ accountId, deviceId }, { type: 'devices-changed' })),
    );
  }

  #note(line: string, type: 'device-added' | 'device-removed', address: Address): void {
    const { log, events } = this.#options;
    log.info(line, { account: loggable(address.accountId), device: address.deviceId });
    events.note({ type, ...address });
  }

  async #tell(tell: () => Promise<void>): Promise<void> {
    try {
      await tell();
    } catch (error) {
      this.#options.log.error('a change of devices could not be told', {
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
}
