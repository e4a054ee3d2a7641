// One connected device: carries out what the delivery window decides.
import { type Address, EnvelopeKind, type MessagingServerFrameSchema, ProtocolError } from '@carillon/protocol';
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
import type { ConnectedDevice } from './deviceHub.ts';

export type MessagingConnection = FrameConnection<typeof MessagingServerFrameSchema>;

export interface DeviceConnectionOptions {
  readonly address: Address;
  readonly connection: MessagingConnection;
  readonly store: MessagingStore;
  readonly now: () => number;
  readonly log: Log;
}

export class DeviceConnection implements ConnectedDevice {
  readonly address: Address;
  readonly #options: DeviceConnectionOptions;
  #phase: 'opening' | 'open' | 'closed' = 'opening';
  #window: DeliveryState = closedWindow;

  constructor(options: DeviceConnectionOptions) {
    this.address = options.address;
    this.#options = options;
  }

  /** Deliveries start once the hello has been answered, not before. */
  start(): void {
    if (this.#phase !== 'opening') return;
    this.#phase = 'open';
    this.#step({ type: 'opened' });
  }

  stop(): void {
    this.#phase = 'closed';
  }

  queued(): void {
    this.#step({ type: 'queued' });
  }

  acknowledged(seqs: readonly number[]): void {
    this.#step({ type: 'acknowledged', seqs });
  }

  prekeysLow(count: number): void {
    if (this.#phase === 'open')
      this.#options.connection.send({ body: { case: 'prekeys', value: { oneTimePrekeys: count } } });
  }

  cut(why: 'device-removed' | 'replaced-by-new-connection'): void {
    this.stop();
    this.#options.connection.fail(new ProtocolError(why));
  }

  #step(event: DeliveryEvent): void {
    if (this.#phase !== 'open') return;
    const { state, effects } = stepDelivery(this.#window, event);
    this.#window = state;
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: DeliveryEffect): void {
    const { connection } = this.#options;
    switch (effect.type) {
      case 'read':
        void this.#read(effect);
        return;
      case 'deliver':
        connection.send({ body: { case: 'delivery', value: deliveryOf(effect.envelope) } });
        return;
      case 'say-drained':
        connection.send({ body: { case: 'drained', value: {} } });
        return;
      default:
        effect satisfies never;
    }
  }

  async #read(read: ReadEffect): Promise<void> {
    const { store, connection, log, now } = this.#options;
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
      this.stop();
      connection.fail(new ProtocolError('internal-error', { cause: error }));
    }
  }
}

function deliveryOf(envelope: QueuedEnvelope) {
  return {
    seq: BigInt(envelope.seq),
    messageId: envelope.messageId,
    from: envelope.from,
    kind: envelope.kind === 1 ? EnvelopeKind.PREKEY : EnvelopeKind.RATCHET,
    ciphertext: envelope.ciphertext,
    acceptedAtMs: BigInt(envelope.acceptedAtMs),
    urgent: envelope.urgent,
  };
}
