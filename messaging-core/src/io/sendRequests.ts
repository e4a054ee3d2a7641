// Sealed envelopes in, and the acknowledgements that take them out of the queue.
import { type AckRequest, ProtocolError, type SendRequest } from '@carillon/protocol';
import type { EnqueueOutcome, MessagingStore, NewMessage, QueueLimits } from '../core/messagingStore.ts';
import { checkedMessage } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { DeviceHub } from './deviceHub.ts';
import type { Reply } from './requests.ts';

/** One ack: the window and what was unacknowledged before it. Bounds one transaction's deletes. */
const ACKS_MAX = 1024;
const QUEUE_FULL_RETRY_MS = 60_000;

export interface SendRequestsOptions {
  readonly store: MessagingStore;
  readonly hub: DeviceHub;
  readonly now: () => number;
  readonly queueLimits: QueueLimits;
  readonly ageMaxMs: number;
}

export class SendRequests {
  readonly #options: SendRequestsOptions;

  constructor(options: SendRequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  async send({ address }: DeviceConnection, request: SendRequest): Promise<Reply> {
    const { store, now, ageMaxMs, queueLimits } = this.#options;
    const message = checkedMessage(request, address, ageMaxMs, now());
    const outcome = await store.enqueue(message, queueLimits);
    return { body: { case: 'sent', value: { acceptedAtMs: BigInt(this.#settle(message, outcome)) } } };
  }

  /** When it was accepted. @throws ProtocolError when it was not */
  #settle(message: NewMessage, outcome: EnqueueOutcome): number {
    switch (outcome.type) {
      case 'stored':
        for (const { deviceId } of message.envelopes)
          this.#options.hub.get({ accountId: message.to, deviceId })?.queued();
        return outcome.acceptedAtMs;
      case 'repeated':
        return outcome.acceptedAtMs;
      case 'stale-devices':
        throw new ProtocolError('stale-devices', { staleDevices: { accountId: message.to, ...outcome.difference } });
      case 'queue-full':
        throw new ProtocolError('queue-full', { retryAfterMs: QUEUE_FULL_RETRY_MS });
      case 'account-unknown':
        throw new ProtocolError('account-unknown');
      case 'sender-removed':
        throw new ProtocolError('device-removed');
      default:
        return outcome satisfies never;
    }
  }

  /** @throws ProtocolError */
  async acknowledge(device: DeviceConnection, { seqs }: AckRequest): Promise<Reply> {
    if (seqs.length > ACKS_MAX || seqs.some((seq) => seq > BigInt(Number.MAX_SAFE_INTEGER)))
      throw new ProtocolError('invalid-request');
    const numbers = seqs.map(Number);
    await this.#options.store.acknowledge(device.address, numbers);
    device.acknowledged(numbers);
    return { body: { case: 'acked', value: {} } };
  }
}
