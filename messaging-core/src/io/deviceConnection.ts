// One connected device: carries out what the delivery window decides, and what
// the switchboard tells of it.
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Address, type MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
import type { FrameConnection, Log } from '@carillon/service';
import {
  closedWindow,
  type DeliveryEffect,
  type DeliveryEvent,
  type DeliveryState,
  type ReadEffect,
  stepDelivery,
} from '../core/deliveryWindow.ts';
import type { MessagingStore, QueuedEnvelope } from '../core/messagingStore.ts';
import type { Attachment, DeviceSignal, EphemeralEnvelope } from '../core/switchboard.ts';
import type { DeviceChanges } from './deviceChanges.ts';

/**
 * A device that was given a call shows a sign of life within this, or its socket is dead and the device is woken by a
 * push instead while the call still rings. Shorter takes a slow link for a dead one: the device then connects again.
 */
export const URGENT_PROBE_MS = 10_000;

export type MessagingConnection = FrameConnection<typeof MessagingServerFrameSchema>;

/** What all connections share: one object for all of them. */
export interface DeviceConnectionHome {
  readonly store: MessagingStore;
  readonly changes: DeviceChanges;
  readonly now: () => number;
  readonly log: Log;
  /** Default: `URGENT_PROBE_MS`. */
  readonly urgentProbeMs: number | undefined;
}

export class DeviceConnection {
  readonly address: Address;
  readonly #connection: MessagingConnection;
  readonly #home: DeviceConnectionHome;
  #phase: 'opening' | 'open' | 'closed' = 'opening';
  #window: DeliveryState = closedWindow;
  #attachment: Attachment | undefined;
  #active = false;

  constructor(address: Address, connection: MessagingConnection, home: DeviceConnectionHome) {
    this.address = address;
    this.#connection = connection;
    this.#home = home;
  }

  /** Where it connects from, for limits. */
  get remoteAddress(): string | undefined {
    return this.#connection.remoteAddress;
  }

  attached(attachment: Attachment): void {
    this.#attachment = attachment;
  }

  /** Deliveries start once the hello has been answered, not before. */
  start(): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'open';
    this.#step({ type: 'opened' });
  }

  /** The socket has gone: nothing more is sent, and the others may know. */
  async end(): Promise<void> {
    this.#phase = 'closed';
    await this.#attachment?.detach();
    await this.#setSeen(false);
  }

  /** Whether somebody looks at the app. The moment at which they cease to is when they were last seen. */
  async setActive(active: boolean): Promise<void> {
    await this.#attachment?.setActive(active);
    await this.#setSeen(active);
  }

  onSignal(signal: DeviceSignal): void {
    switch (signal.type) {
      case 'queued':
        this.#step({ type: 'queued' });
        return;
      case 'prekeys-low':
        this.send({ body: { case: 'prekeys', value: { oneTimePrekeys: signal.oneTime, kemPrekeys: signal.kem } } });
        return;
      case 'ephemeral':
        this.send({ body: { case: 'delivery', value: ephemeralDelivery(signal.envelope) } });
        return;
      case 'devices-changed':
        void this.#sayDevices();
        return;
      case 'cut':
        this.#phase = 'closed';
        this.#connection.fail(new ProtocolError(signal.why));
        return;
      default:
        signal satisfies never;
    }
  }

  /** Delivered on this connection and not acknowledged. */
  isUnderWay(seq: number): boolean {
    return this.#window.inFlight.has(seq);
  }

  acknowledged(seqs: readonly number[]): void {
    this.#step({ type: 'acknowledged', seqs });
  }

  /** Unasked; nothing before the hello has been answered. */
  send(frame: MessageInitShape<typeof MessagingServerFrameSchema>): void {
    if (this.#phase === 'open') this.#connection.send(frame);
  }

  async #setSeen(active: boolean): Promise<void> {
    const wasActive = this.#active;
    this.#active = active;
    // At the beginning too: the server may die before the end.
    if (active !== wasActive) await this.#home.store.seen(this.address, this.#home.now());
  }

  #step(event: DeliveryEvent): void {
    if (this.#phase !== 'open') return;
    const { state, effects } = stepDelivery(this.#window, event);
    this.#window = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: DeliveryEffect): void {
    const connection = this.#connection;
    switch (effect.type) {
      case 'read':
        void this.#read(effect);
        return;
      case 'deliver':
        connection.send({ body: { case: 'delivery', value: deliveryOf(effect.envelope) } });
        if (effect.envelope.urgent) connection.probe(this.#home.urgentProbeMs ?? URGENT_PROBE_MS);
        return;
      case 'say-drained':
        connection.send({ body: { case: 'drained', value: {} } });
        return;
      default:
        effect satisfies never;
    }
  }

  async #sayDevices(): Promise<void> {
    try {
      this.send(await this.#home.changes.ownDevices(this.address.accountId));
    } catch (error) {
      // The next welcome names them, too.
      this.#home.log.error('devices could not be told', { error: String(error) });
    }
  }

  async #read(read: ReadEffect): Promise<void> {
    const { store, log, now } = this.#home;
    try {
      const nowMs = now();
      const [urgent, ordinary] = await Promise.all([
        store.page(this.address, { ...read.urgent, urgent: true, nowMs }),
        store.page(this.address, { ...read.ordinary, urgent: false, nowMs }),
      ]);
      this.#step({ type: 'page', read, urgent, ordinary });
    } catch (error) {
      // The device connects again and reads from the start of its queue.
      log.error('queue could not be read', { error: error instanceof Error ? error.message : String(error) });
      this.#phase = 'closed';
      this.#connection.fail(new ProtocolError('internal-error', { cause: error }));
    }
  }
}

function deliveryOf(envelope: QueuedEnvelope) {
  return {
    seq: BigInt(envelope.seq),
    messageId: envelope.messageId,
    from: envelope.from,
    kind: envelope.kind,
    ciphertext: envelope.ciphertext,
    acceptedAtMs: BigInt(envelope.acceptedAtMs),
    urgent: envelope.urgent,
    groupId: envelope.groupId ?? '',
  };
}

/** Seq 0: kept by nobody, so nothing to acknowledge. */
function ephemeralDelivery(envelope: EphemeralEnvelope) {
  return { ...envelope, seq: 0n, acceptedAtMs: BigInt(envelope.acceptedAtMs), groupId: envelope.groupId ?? '' };
}
