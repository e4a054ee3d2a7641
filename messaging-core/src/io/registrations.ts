// Registrations under way. They are short-lived: when they get lost, the person
// asks for another code.
import { randomBytes, randomInt } from 'node:crypto';
import {
  type AccountId,
  bytesToBase64url,
  type Handle,
  ProtocolError,
  type RegistrationReply,
  registrationProof,
  type VerifyReply,
  type VerifyRequest,
} from '@carillon/protocol';
import { checkedNewDevice } from '../core/deviceKeys.ts';
import type { MessagingStore, RegisteredDevice } from '../core/messagingStore.ts';
import {
  beginRegistration,
  CODE_ATTEMPTS_MAX,
  CODE_LENGTH,
  CODE_LIFE_MS,
  type RegistrationEffect,
  registrationFrom,
  registrationText,
  tryCode,
} from '../core/registration.ts';
import type { ShortLived } from '../core/shortLived.ts';
import { RateLimits } from './rateLimits.ts';
import type { Verifier } from './verifier.ts';

const HOUR_S = 3600;

export interface RegistrationsOptions {
  readonly store: MessagingStore;
  readonly shortLived: ShortLived;
  readonly verifier: Verifier;
  readonly now: () => number;
  readonly codesPerHourPerHandle: number;
  readonly codesPerHourPerAddress: number;
  /** Told after the commit, before the answer. */
  onRegistered(registered: RegisteredDevice): Promise<void>;
}

export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #perHandle: RateLimits;
  readonly #perAddress: RateLimits;

  constructor(options: RegistrationsOptions) {
    this.#options = options;
    const perHour = (count: number) => new RateLimits({ perSecond: count / HOUR_S, burst: count });
    this.#perHandle = perHour(options.codesPerHourPerHandle);
    this.#perAddress = perHour(options.codesPerHourPerAddress);
  }

  /** @throws ProtocolError `rate-limited`; what the verifier says when the code cannot be sent */
  async begin(handle: Handle, remoteAddress: string): Promise<RegistrationReply> {
    const { shortLived, verifier, now } = this.#options;
    const nowMs = now();
    this.#perAddress.take(remoteAddress, nowMs);
    this.#perHandle.take(handle, nowMs);
    // People pass it on a command line, where a word that begins with '-' is an option: hex, not base64url.
    const registrationId = randomBytes(16).toString('hex');
    const code = String(randomInt(10 ** CODE_LENGTH)).padStart(CODE_LENGTH, '0');
    const registration = registrationText(beginRegistration(registrationId, handle, code, nowMs));
    await shortLived.put('registration', registrationId, registration, CODE_LIFE_MS);
    try {
      await verifier.sendCode(handle, code);
    } catch (error) {
      await shortLived.take('registration', registrationId);
      throw error;
    }
    return { registrationId, codeLength: CODE_LENGTH, expiresAtMs: nowMs + CODE_LIFE_MS };
  }

  /** @throws ProtocolError `registration-unknown`, `signature-invalid`, `code-wrong`, `code-attempts-exhausted`, `invalid-request` */
  async verify(registrationId: string, request: VerifyRequest): Promise<VerifyReply> {
    const { store, shortLived, now, onRegistered } = this.#options;
    if ((await shortLived.get('registration', registrationId)) === undefined)
      throw new ProtocolError('registration-unknown');
    // Keys and proofs before the code: they say nothing about it, and a mistake in them costs no attempt.
    const device = checkedNewDevice(request.device, request.proof, registrationProof(registrationId));
    const effect = await this.#tryCode(registrationId, request.code);
    if (effect.type === 'refuse') throw new ProtocolError(effect.code);
    const { handle } = effect;
    const newAccountId = bytesToBase64url(randomBytes(16)) as AccountId;
    const registered = await store.registerDevice(handle, newAccountId, device, now());
    await onRegistered(registered);
    return { ...registered.address, handle, replacedDevices: registered.removed.length > 0 };
  }

  /** Each attempt counts once, and only one of several right ones at a time has it, on whichever node. */
  async #tryCode(registrationId: string, code: string): Promise<RegistrationEffect> {
    const { shortLived, now } = this.#options;
    for (let lost = 0; lost <= CODE_ATTEMPTS_MAX; lost++) {
      const before = await shortLived.get('registration', registrationId);
      if (before === undefined) return { type: 'refuse', code: 'registration-unknown' };
      const { state, effect } = tryCode(registrationFrom(before), registrationId, code, now());
      const after = registrationText(state);
      if (after === before || (await shortLived.replace('registration', registrationId, before, after))) return effect;
    }
    // As many others have tried meanwhile as there are attempts.
    return { type: 'refuse', code: 'code-attempts-exhausted' };
  }
}
