// The devices' queues: sends into them, pages out of them, acknowledgements.
import { createHash } from 'node:crypto';
import {
  type AccountId,
  type Address,
  addressKey,
  type DeviceId,
  type GroupId,
  type MessageId,
} from '@carillon/protocol';
import type { RedisLink } from '@carillon/service/redis';
import { deviceDifference } from '../../core/deviceList.ts';
import {
  type EnqueueOutcome,
  type EnvelopeKindCode,
  type NewMessage,
  type PageQuery,
  type QueuedEnvelope,
  type QueueLimits,
  senderShare,
} from '../../core/messagingStore.ts';
import { accountKey, laneKey, laneOf } from './keys.ts';
import { ACKNOWLEDGE, ENQUEUE, FAN_IN } from './queueScripts.ts';
import type { RedisIndex } from './redisIndex.ts';

/** Acknowledgements one script takes: bounds how long it holds up others. */
const SEQS_PER_SCRIPT = 256;
const MARK_BYTES = 16;

export const QUEUE_SCRIPTS = [ENQUEUE, ACKNOWLEDGE, FAN_IN];

export type EnvelopeHeader = Pick<QueuedEnvelope, 'kind' | 'acceptedAtMs' | 'from' | 'messageId' | 'groupId'>;

/** What names a send among all: short, since each is remembered for weeks. */
export function sendMark(from: Address, messageId: MessageId): Buffer {
  return createHash('sha256')
    .update(`${addressKey(from)} ${messageId}`)
    .digest()
    .subarray(0, MARK_BYTES);
}

export function encodeHeader({ kind, acceptedAtMs, from, messageId, groupId }: EnvelopeHeader): string {
  return `${kind}|${acceptedAtMs}|${from.accountId}|${from.deviceId}|${messageId}|${groupId ?? ''}`;
}

export function decodeHeader(header: string): EnvelopeHeader {
  const [kind, acceptedAtMs, accountId, deviceId, messageId, groupId] = header.split('|');
  return {
    kind: Number(kind) as EnvelopeKindCode,
    acceptedAtMs: Number(acceptedAtMs),
    from: { accountId: accountId as AccountId, deviceId: Number(deviceId) as DeviceId },
    messageId: messageId as MessageId,
    groupId: groupId === '' ? undefined : (groupId as GroupId),
  };
}

/** A stream entry: its id, then names and values. */
export type StreamEntry = readonly [Buffer, readonly Buffer[]];

export function entryFields([, pairs]: StreamEntry): Map<string, Buffer> {
  const fields = new Map<string, Buffer>();
  for (let i = 0; i < pairs.length; i += 2) fields.set(pairs[i]!.toString(), pairs[i + 1]!);
  return fields;
}

export class RedisQueues {
  readonly #link: RedisLink;
  readonly #index: RedisIndex;

  constructor(link: RedisLink, index: RedisIndex) {
    this.#link = link;
    this.#index = index;
  }

  /** The sender is known to be there. */
  async enqueue(message: NewMessage, limits: QueueLimits): Promise<EnqueueOutcome> {
    const { from, messageId, to, acceptedAtMs, envelopes } = message;
    const args = [
      sendMark(from, messageId),
      `${acceptedAtMs}`,
      `${message.expiresAtMs}`,
      laneOf(message.urgent),
      ...limitArgs(limits, from.accountId, to),
      from.accountId === to ? `${from.deviceId}` : '',
      from.accountId,
      message.after === undefined ? '' : sendMark(from, message.after),
      ...envelopes.flatMap(({ deviceId, kind, ciphertext }) => [
        `${deviceId}`,
        encodeHeader({ kind, acceptedAtMs, from, messageId, groupId: undefined }),
        asBuffer(ciphertext),
      ]),
    ];
    const [type, first, second] = (await this.#link.write(ENQUEUE, accountKey(to), args)) as [Buffer, Buffer?, Buffer?];
    switch (`${type}`) {
      case 'stored':
        await this.#index.tell(`a:${to}`, 'e', first);
        await this.#index.tell(`a:${to}`, 'r', second);
        return { type: 'stored', acceptedAtMs };
      case 'repeated':
        return { type: 'repeated', acceptedAtMs: Number(first) };
      case 'queue-full':
        return { type: 'queue-full', deviceId: Number(first) as DeviceId };
      case 'out-of-order':
        return { type: 'out-of-order' };
      case 'stale-devices': {
        const deviceIds = idsOf(`${first}`);
        const named = envelopes.map((envelope) => envelope.deviceId);
        const difference = deviceDifference(named, { accountId: to, deviceIds }, from);
        return { type: 'stale-devices', difference: difference ?? { missing: [], gone: [] } };
      }
      default:
        return { type: 'account-unknown' };
    }
  }

  async page(address: Address, { urgent, afterSeq, limit, nowMs }: PageQuery): Promise<readonly QueuedEnvelope[]> {
    const key = laneKey(address, laneOf(urgent));
    const page: QueuedEnvelope[] = [];
    let after = `(${afterSeq}-0`;
    while (page.length < limit) {
      const wanted = limit - page.length;
      const entries = (await this.#link.command(key, [
        'XRANGE',
        key,
        after,
        '+',
        'COUNT',
        `${wanted}`,
      ])) as StreamEntry[];
      for (const entry of entries) {
        const fields = entryFields(entry);
        if (Number(fields.get('x')) <= nowMs) continue;
        const seq = Number.parseInt(`${entry[0]}`, 10);
        page.push({ ...decodeHeader(`${fields.get('h')}`), seq, urgent, ciphertext: new Uint8Array(fields.get('c')!) });
      }
      if (entries.length < wanted) break;
      after = `(${entries.at(-1)![0]}`;
    }
    return page;
  }

  async acknowledge({ accountId, deviceId }: Address, seqs: readonly number[]): Promise<void> {
    const parts = Array.from({ length: Math.ceil(seqs.length / SEQS_PER_SCRIPT) }, (_, i) =>
      seqs.slice(i * SEQS_PER_SCRIPT, (i + 1) * SEQS_PER_SCRIPT),
    );
    await Promise.all(
      parts.map((part) => this.#link.write(ACKNOWLEDGE, accountKey(accountId), [`${deviceId}`, ...part.map(String)])),
    );
  }
}

/** As `max` of the scripts. */
export function limitArgs(limits: QueueLimits, from: AccountId, to: AccountId): string[] {
  const share = senderShare(limits, from, to);
  return [limits.messagesMax, limits.bytesMax, share.messagesMax, share.bytesMax].map(String);
}

export function idsOf(text: string): DeviceId[] {
  return text === '' ? [] : text.split(',').map((id) => Number(id) as DeviceId);
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
