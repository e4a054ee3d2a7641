// What is said about knocks between devices, sealed like everything else.
import { type AccountId, base64urlToBytes, bytesToBase64url, CallKnockOutcome } from '@carillon/protocol';
import type { ContentBody, ContentChannel } from '../messaging/contentChannel.ts';
import type { Joining } from './core/joining.ts';
import { WAIT_MS } from './core/joining.ts';
import type { Knock, KnockOutcome } from './core/lobby.ts';

const KNOCK_ID_BYTES = 16;

const OUTCOMES: Readonly<Record<KnockOutcome, CallKnockOutcome>> = {
  asked: CallKnockOutcome.ASKED,
  refused: CallKnockOutcome.REFUSED,
  revoked: CallKnockOutcome.REVOKED,
  busy: CallKnockOutcome.BUSY,
  failed: CallKnockOutcome.FAILED,
};

/** A word of a newer app is none to this one. */
export function outcomeOf(outcome: CallKnockOutcome): KnockOutcome | undefined {
  return (Object.keys(OUTCOMES) as KnockOutcome[]).find((name) => OUTCOMES[name] === outcome);
}

export function knockIdOf(bytes: Uint8Array): string | undefined {
  return bytes.length === KNOCK_ID_BYTES ? bytesToBase64url(bytes) : undefined;
}

export class LinkMessages {
  readonly #channel: ContentChannel;

  constructor(channel: ContentChannel) {
    this.#channel = channel;
  }

  /** To all devices of the owner. @throws ProtocolError */
  async knock({ link, knockId }: Joining, withdrawn: boolean): Promise<void> {
    const value = { linkId: base64urlToBytes(link.linkId), knockId: base64urlToBytes(knockId), withdrawn };
    await this.#send(link.owner, { case: 'callKnock', value });
  }

  /** Lost, they go on waiting, until they are tired of it. */
  answer({ knockId, from }: Pick<Knock, 'knockId' | 'from'>, outcome: KnockOutcome): void {
    const value = { knockId: base64urlToBytes(knockId), outcome: OUTCOMES[outcome] };
    const expiresAtMs = this.#channel.serverNow() + WAIT_MS;
    const body: ContentBody = { case: 'callKnockAnswer', value };
    this.#channel.sendToDevice(from, body, { urgent: true, expiresAtMs }).catch(() => {});
  }

  /** An account with one device has nobody to tell. */
  taken(knockId: string): void {
    const value = { knockId: base64urlToBytes(knockId) };
    this.#send(this.#channel.account.accountId, { case: 'callKnockTaken', value }).catch(() => {});
  }

  async #send(to: AccountId, body: ContentBody): Promise<void> {
    const expiresAtMs = this.#channel.serverNow() + WAIT_MS;
    await this.#channel.sendToAccount(to, () => body, { urgent: true, expiresAtMs });
  }
}
