// What a connected device may ask. Each answer comes after what it promises is
// durable.
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AckRequest,
  type Address,
  type FetchBundlesRequest,
  type FindAccountRequest,
  handleSchema,
  LIMITS,
  type MessagingClientFrame,
  type MessagingServerFrameSchema,
  ProtocolError,
  type PublishPrekeysRequest,
  type SendRequest,
} from '@carillon/protocol';
import type { EnqueueOutcome, MessagingStore, NewMessage, QueueLimits } from '../core/messagingStore.ts';
import { checkedAccountId, checkedDeviceId, checkedMessage } from '../core/sendRequest.ts';
import type { DeviceConnection } from './deviceConnection.ts';
import type { DeviceHub } from './deviceHub.ts';
import { presentDevice } from './logins.ts';
import type { RateLimits } from './rateLimits.ts';
import { checkOneTimePrekeys, checkSignedPrekey } from './registrations.ts';

type Reply = MessageInitShape<typeof MessagingServerFrameSchema>;

/** A device is told when fewer are left: time to publish before senders go without. */
export const PREKEYS_LOW = 20;
/** One ack: the window and what was unacknowledged before it. Bounds one transaction's deletes. */
const ACKS_MAX = 1024;
const PREKEY_ID_MAX = 2 ** 31 - 1;
const QUEUE_FULL_RETRY_MS = 60_000;

export interface RequestsOptions {
  readonly store: MessagingStore;
  readonly hub: DeviceHub;
  readonly now: () => number;
  readonly queueLimits: QueueLimits;
  readonly ageMaxMs: number;
  /** Look-ups by account: bundles taken use up other people's prekeys, names found are a directory read out. */
  readonly lookupsPerAccount: RateLimits;
}

export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError */
  answer(device: DeviceConnection, { body }: MessagingClientFrame): Promise<Reply> {
    switch (body.case) {
      case 'send':
        return this.#send(device.address, body.value);
      case 'ack':
        return this.#acknowledge(device, body.value);
      case 'fetchBundles':
        return this.#fetchBundles(device.address, body.value);
      case 'publishPrekeys':
        return this.#publishPrekeys(device.address, body.value);
      case 'findAccount':
        return this.#findAccount(device.address, body.value);
      default:
        throw new ProtocolError('unknown-frame');
    }
  }

  async #send(from: Address, request: SendRequest): Promise<Reply> {
    const { store, now, ageMaxMs, queueLimits } = this.#options;
    const message = checkedMessage(request, from, ageMaxMs, now());
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

  async #acknowledge(device: DeviceConnection, { seqs }: AckRequest): Promise<Reply> {
    if (seqs.length > ACKS_MAX || seqs.some((seq) => seq > BigInt(Number.MAX_SAFE_INTEGER)))
      throw new ProtocolError('invalid-request');
    const numbers = seqs.map(Number);
    await this.#options.store.acknowledge(device.address, numbers);
    device.acknowledged(numbers);
    return { body: { case: 'acked', value: {} } };
  }

  async #fetchBundles(asker: Address, request: FetchBundlesRequest): Promise<Reply> {
    const { store, hub, now, lookupsPerAccount } = this.#options;
    const accountId = checkedAccountId(request.accountId);
    if (request.deviceIds.length > LIMITS.envelopesPerSendMax) throw new ProtocolError('invalid-request');
    const deviceIds = request.deviceIds.map(checkedDeviceId);
    lookupsPerAccount.take(asker.accountId, now());
    const bundles = await store.takeBundles(accountId, deviceIds);
    if (!bundles) throw new ProtocolError('account-unknown');
    for (const { deviceId, oneTimePrekey, oneTimePrekeysLeft } of bundles) {
      if (oneTimePrekey && oneTimePrekeysLeft < PREKEYS_LOW)
        hub.get({ accountId, deviceId })?.prekeysLow(oneTimePrekeysLeft);
    }
    const devices = bundles.map(({ deviceId, identityKey, signedPrekey, oneTimePrekey }) => ({
      deviceId,
      identityKey,
      signedPrekey,
      ...(oneTimePrekey ? { oneTimePrekey } : {}),
    }));
    return { body: { case: 'bundles', value: { accountId, devices } } };
  }

  async #publishPrekeys(address: Address, request: PublishPrekeysRequest): Promise<Reply> {
    const { store } = this.#options;
    const { signedPrekey, oneTimePrekeys } = request;
    const ids = [...oneTimePrekeys, ...(signedPrekey ? [signedPrekey] : [])].map((prekey) => prekey.id);
    if (oneTimePrekeys.length > LIMITS.oneTimePrekeysMax || ids.some((id) => id < 1 || id > PREKEY_ID_MAX))
      throw new ProtocolError('invalid-request');
    checkOneTimePrekeys(oneTimePrekeys);
    if (signedPrekey) checkSignedPrekey(presentDevice(await store.device(address)).identityKey, signedPrekey);
    const held = await store.publishPrekeys(address, signedPrekey, oneTimePrekeys, LIMITS.oneTimePrekeysMax);
    if (held === undefined) throw new ProtocolError('device-removed');
    return { body: { case: 'prekeys', value: { oneTimePrekeys: held } } };
  }

  async #findAccount(asker: Address, request: FindAccountRequest): Promise<Reply> {
    const { store, now, lookupsPerAccount } = this.#options;
    if ((request.handle === '') === (request.accountId === '')) throw new ProtocolError('invalid-request');
    lookupsPerAccount.take(asker.accountId, now());
    const found =
      request.handle === ''
        ? await store.accountById(checkedAccountId(request.accountId))
        : await store.accountByHandle(checkedHandle(request.handle));
    if (!found) throw new ProtocolError('account-unknown');
    const { accountId, handle, deviceIds } = found;
    return { body: { case: 'account', value: { accountId, handle, deviceIds: [...deviceIds] } } };
  }
}

function checkedHandle(text: string) {
  const handle = handleSchema.safeParse(text);
  if (!handle.success) throw new ProtocolError('handle-invalid');
  return handle.data;
}
