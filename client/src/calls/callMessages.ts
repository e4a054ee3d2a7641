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
/**
 * After so long word is left of a call that still rings. By then two who call each other know which of their calls goes
 * on, and many are answered. Higher: of a caller whose device is gone earlier, devices that slept never hear.
 */
const WORD_AFTER_MS = 3_000;

export class CallMessages {
  readonly #channel: ContentChannel;
  readonly #platform: Platform;
  readonly #secrets: Map<string, Uint8Array>;
  /** Their invites have not gone out yet: they cannot have missed the call. */
  readonly #uninvited = new Set<AccountId>();
  /** One for each invite: signaling bounds how many are in a call. */
  readonly #timers: ReturnType<typeof setTimeout>[] = [];

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
   * One fresh secret for each device, in the envelope that only it can open. To a call that is over by the time that
   * there is a connection nobody is invited. @throws ProtocolError
   */
  async invite(call: () => Call, accounts: readonly AccountId[]): Promise<void> {
    const { callId, video, mode } = call();
    // By the server's clock, which also drops what comes later; ours may be wrong.
    const expiresAtMs = this.#channel.serverNow() + LIMITS.ringMs;
    const group = mode === 'room';
    for (const accountId of accounts) this.#uninvited.add(accountId);
    const inviteOne = async (accountId: AccountId) => {
      await this.#channel.sendToAccount(
        accountId,
        (deviceId) => {
          if (call().phase === 'ended') throw new ProtocolError('call-state');
          this.#uninvited.delete(accountId);
          const key = addressKey({ accountId, deviceId });
          // Whoever is asked again keeps what came with the first invite.
          const callSecret = this.#secrets.get(key) ?? this.#platform.crypto.randomBytes(SECRET_BYTES);
          this.#secrets.set(key, callSecret);
          return { case: 'callInvite', value: { callId, callSecret, video, expiresAtMs: BigInt(expiresAtMs), group } };
        },
        { urgent: true, expiresAtMs },
      );
      if (call().phase === 'ended') return;
      this.#timers.push(setTimeout(() => this.#leaveWord(call(), accountId, expiresAtMs), WORD_AFTER_MS));
    };
    await Promise.all(accounts.map(inviteOne));
  }

  /** For devices that sleep as long as it rings: unlike the invite it is kept, also if this device is gone by the end. */
  #leaveWord({ callId, participants, video, startedAtMs }: Call, to: AccountId, ringsUntilMs: number): void {
    const state = participants.find(({ accountId }) => accountId === to)?.state;
    if (state !== 'invited' && state !== 'ringing') return;
    const times = { startedAtMs: BigInt(startedAtMs), ringsUntilMs: BigInt(ringsUntilMs) };
    const value = { callId, outcome: WireOutcome.RINGING, video, ...times };
    this.#channel.sendToAccount(to, () => ({ case: 'callLog', value })).catch(() => {});
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

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  /** To the other device of a peer call, when signaling cannot tell it that we have hung up. */
  tellOver({ callId, video, peer }: Call): void {
    if (!peer) return;
    const value = { callId, outcome: WireOutcome.COMPLETED, video };
    this.#channel.sendToDevice(peer, { case: 'callLog', value }, { urgent: true }).catch(() => {});
  }
}
