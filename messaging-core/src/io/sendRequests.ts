// Sealed envelopes in, and the acknowledgements that take them out of the queue.
import {
  type AckRequest,
  addressKey,
  type GroupSendRequest,
  ProtocolError,
  type SendRequest,
} from '@carillon/protocol';
import type {
  EnqueueOutcome,
  GroupAcceptOutcome,
  MessagingStore,
  NewGroupMessage,
  NewMessage,
  QueueLimits,
} from '../core/messagingStore.ts';
import { checkedGroupMessage, checkedMessage } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { EphemeralSends } from './ephemeralSends.ts';
import type { EventNotes } from './eventNotes.ts';
import type { FanOut } from './fanOut.ts';
import type { QueueNotices } from './queueNotices.ts';
import { RateLimits } from './rateLimits.ts';
import type { RequestLimits } from './requestLimits.ts';
import type { Reply } from './requests.ts';

/** One ack: the window and what was unacknowledged before it. Bounds one transaction's deletes. */
const ACKS_MAX = 1024;
const QUEUE_FULL_RETRY_MS = 60_000;
/** The fan-out of all groups together is behind: it catches up in seconds. */
const BACKLOG_RETRY_MS = 5_000;
/** What a group message counts as among sends: the server writes it into many queues. */
const GROUP_SEND_COST = 4;
/**
 * Seqs one device may acknowledge that it was not given on its connection: each is looked for in the queue. What a
 * device acknowledges late, after its connection broke, is a window or two.
 */
const UNGIVEN_ACKS = { perSecond: 100, burst: 4 * ACKS_MAX };
/** Ephemeral envelopes of one device: typing in a few conversations. More lets one device keep others awake. */
const EPHEMERAL = { perSecond: 2, burst: 20 };

export interface SendRequestsOptions {
  readonly store: MessagingStore;
  readonly notices: QueueNotices;
  readonly ephemeral: EphemeralSends;
  readonly fanOut: FanOut;
  readonly sends: RequestLimits;
  readonly events: EventNotes;
  readonly now: () => number;
  readonly queueLimits: QueueLimits;
  readonly ageMaxMs: number;
}

export class SendRequests {
  readonly #options: SendRequestsOptions;
  readonly #ephemeral = new RateLimits(EPHEMERAL);
  readonly #ungivenAcks = new RateLimits(UNGIVEN_ACKS);

  constructor(options: SendRequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  async send(device: DeviceConnection, request: SendRequest): Promise<Reply> {
    const { store, now, ageMaxMs, queueLimits, sends, ephemeral } = this.#options;
    const message = checkedMessage(request, device.address, ageMaxMs, now());
    if (request.ephemeral) {
      this.#ephemeral.take(addressKey(device.address), now());
      await ephemeral.toAccount(message);
      return sent(message.acceptedAtMs);
    }
    sends.take(device, now());
    return sent(this.#settle(message, await store.enqueue(message, queueLimits)));
  }

  /** When it was accepted. @throws ProtocolError when it was not */
  #settle(message: NewMessage, outcome: EnqueueOutcome): number {
    switch (outcome.type) {
      case 'stored': {
        const { urgent, expiresAtMs } = message;
        for (const { deviceId } of message.envelopes)
          void this.#options.notices.queued({ accountId: message.to, deviceId }, { urgent, expiresAtMs });
        return outcome.acceptedAtMs;
      }
      case 'repeated':
        return outcome.acceptedAtMs;
      case 'stale-devices':
        throw new ProtocolError('stale-devices', { staleDevices: { accountId: message.to, ...outcome.difference } });
      case 'queue-full':
        throw new ProtocolError('queue-full', { retryAfterMs: QUEUE_FULL_RETRY_MS });
      case 'out-of-order':
        throw new ProtocolError('out-of-order');
      case 'account-unknown':
        throw new ProtocolError('account-unknown');
      case 'sender-removed':
        throw new ProtocolError('device-removed');
      default:
        return outcome satisfies never;
    }
  }

  /** Answered when it is durable; the fan-out brings it into the queues after that. @throws ProtocolError */
  async groupSend(device: DeviceConnection, request: GroupSendRequest): Promise<Reply> {
    const { store, now, ageMaxMs, sends, ephemeral } = this.#options;
    const message = checkedGroupMessage(request, device.address, ageMaxMs, now());
    if (request.ephemeral) {
      await ephemeral.toGroup(message, (cost) => this.#ephemeral.take(addressKey(device.address), now(), cost));
      return sent(message.acceptedAtMs);
    }
    sends.take(device, now(), GROUP_SEND_COST);
    return sent(this.#settleGroup(message, await store.acceptGroupMessage(message)));
  }

  #settleGroup({ groupId }: NewGroupMessage, outcome: GroupAcceptOutcome): number {
    switch (outcome.type) {
      case 'accepted':
        this.#options.fanOut.wake();
        return outcome.acceptedAtMs;
      case 'repeated':
        return outcome.acceptedAtMs;
      case 'stale-group':
        throw staleGroup(groupId, outcome.rosterRevision, outcome.devicesRevision);
      case 'group-unknown':
        throw new ProtocolError('group-unknown');
      case 'backlog-full':
        throw new ProtocolError('queue-full', { retryAfterMs: BACKLOG_RETRY_MS });
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
    const { store, events, now } = this.#options;
    const numbers = seqs.map(Number);
    const ungiven = numbers.filter((seq) => !device.isUnderWay(seq)).length;
    if (ungiven > 0) this.#ungivenAcks.take(addressKey(device.address), now(), ungiven);
    await store.acknowledge(device.address, numbers);
    device.acknowledged(numbers);
    if (numbers.length > 0) events.delivered(device.address, numbers.length);
    return { body: { case: 'acked', value: {} } };
  }
}

/** With the revisions the server holds, so that the device knows what to fetch. */
export function staleGroup(groupId: string, rosterRevision: number, devicesRevision: number): ProtocolError {
  return new ProtocolError('stale-group', {
    staleGroup: { groupId, rosterRevision, devicesRevision: BigInt(devicesRevision) },
  });
}

function sent(acceptedAtMs: number): Reply {
  return { body: { case: 'sent', value: { acceptedAtMs: BigInt(acceptedAtMs) } } };
}
