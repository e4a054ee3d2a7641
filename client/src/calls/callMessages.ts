// What a call says by end-to-end encrypted messages: invites with their secrets,
// and afterwards how it ended.
import {
  type AccountId,
  type Address,
  addressKey,
  LIMITS,
  ProtocolError,
  CallOutcome as WireOutcome,
} from '@carillon/protocol';
import type { ContentChannel } from '../messaging/contentChannel.ts';
import type { CallOutcome } from '../model.ts';
import type { Platform } from '../ports.ts';
import type { Call } from './core/callMachine.ts';

const SECRET_BYTES = 32;

export class CallMessages {
  readonly #channel: ContentChannel;
  readonly #platform: Platform;
  readonly #secrets: Map<string, Uint8Array>;
  /** Their invites have not gone out yet: they cannot have missed the call. */
  readonly #uninvited = new Set<AccountId>();

  /** `secrets` by device address: a callee has its caller's, a caller makes its callees'. */
  constructor(channel: ContentChannel, platform: Platform, secrets: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#channel = channel;
    this.#platform = platform;
    this.#secrets = new Map(secrets);
  }

  secretOf(device: Address): Uint8Array | undefined {
    return this.#secrets.get(addressKey(device));
  }

  /**
   * One fresh secret for each device, in the envelope that only it can open. What is not wanted any more by the time
   * that there is a connection is not sent. @throws ProtocolError
   */
  async invite(call: Call, accounts: readonly AccountId[], isWanted: () => boolean): Promise<void> {
    const { callId, video, mode } = call;
    // By the server's clock, which also drops what comes later; ours may be wrong.
    const expiresAtMs = this.#channel.serverNow() + LIMITS.ringMs;
    const group = mode === 'room';
    for (const accountId of accounts) this.#uninvited.add(accountId);
    await Promise.all(
      accounts.map((accountId) =>
        this.#channel.sendToAccount(
          accountId,
          (deviceId) => {
            if (!isWanted()) throw new ProtocolError('call-state');
            this.#uninvited.delete(accountId);
            const key = addressKey({ accountId, deviceId });
            // Whoever is asked again keeps what came with the first invite.
            const callSecret = this.#secrets.get(key) ?? this.#platform.crypto.randomBytes(SECRET_BYTES);
            this.#secrets.set(key, callSecret);
            return {
              case: 'callInvite',
              value: { callId, callSecret, video, expiresAtMs: BigInt(expiresAtMs), group },
            };
          },
          { urgent: true, expiresAtMs },
        ),
      ),
    );
  }

  /** Into this device's conversations. */
  record(
    { callId, outgoing, video, startedAtMs, participants, self, createdBy }: Call,
    outcome: CallOutcome,
    durationMs: number,
  ): void {
    const others = outgoing
      ? participants.map(({ accountId }) => accountId).filter((accountId) => accountId !== self.accountId)
      : [createdBy];
    for (const other of others) {
      const entry = { with: other, callId, outgoing, outcome, video, startedAtMs, durationMs };
      this.#channel.recordCall(entry).catch(() => {});
    }
  }

  /** To those who were asked and never answered; it outlives the ring, and reaches devices that slept. */
  tellMissed({ callId, video, startedAtMs }: Call, accounts: readonly AccountId[]): void {
    const value = { callId, outcome: WireOutcome.MISSED, video, startedAtMs: BigInt(startedAtMs), durationMs: 0 };
    for (const account of accounts.filter((each) => !this.#uninvited.has(each))) {
      this.#channel.sendToAccount(account, () => ({ case: 'callLog', value })).catch(() => {});
    }
  }

  /** To the other device of a peer call, when signaling cannot tell it that we have hung up. */
  tellOver({ callId, video, peer }: Call): void {
    if (!peer) return;
    const value = { callId, outcome: WireOutcome.COMPLETED, video };
    this.#channel.sendToDevice(peer, { case: 'callLog', value }, { urgent: true }).catch(() => {});
  }
}
