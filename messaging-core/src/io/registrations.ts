// Registrations under way. They live in memory: a restart forgets them, and
// the person asks for another code.
import { randomBytes, randomInt } from 'node:crypto';
import {
  type AccountId,
  base64urlToBytes,
  bytesToBase64url,
  type Handle,
  type OneTimePrekey,
  ProtocolError,
  prekeyProof,
  type RegistrationReply,
  registrationProof,
  type VerifyReply,
  type VerifyRequest,
} from '@carillon/protocol';
import type { MessagingStore, NewDevice, RegisteredDevice } from '../core/messagingStore.ts';
import { isStrictEd25519Key, isStrictX25519Key, verifyEd25519 } from '../core/publicKeys.ts';
import { beginRegistration, CODE_LENGTH, type Registration, tryCode } from '../core/registration.ts';
import { RateLimits } from './rateLimits.ts';
import type { Verifier } from './verifier.ts';

/** Codes waiting to be entered. Each costs about 300 bytes for ten minutes; past it new ones are told to wait. */
const PENDING_MAX = 20_000;
const HOUR_S = 3600;

export interface RegistrationsOptions {
  readonly store: MessagingStore;
  readonly verifier: Verifier;
  readonly now: () => number;
  readonly codesPerHourPerHandle: number;
  readonly codesPerHourPerAddress: number;
  /** Told after the commit. */
  onRegistered(registered: RegisteredDevice): void;
}

export class Registrations {
  readonly #options: RegistrationsOptions;
  readonly #pending = new Map<string, Registration>();
  readonly #perHandle: RateLimits;
  readonly #perAddress: RateLimits;

  constructor(options: RegistrationsOptions) {
    this.#options = options;
    const perHour = (count: number) => new RateLimits({ perSecond: count / HOUR_S, burst: count });
    this.#perHandle = perHour(options.codesPerHourPerHandle);
    this.#perAddress = perHour(options.codesPerHourPerAddress);
  }

  /** @throws ProtocolError `rate-limited` */
  async begin(handle: Handle, remoteAddress: string): Promise<RegistrationReply> {
    const nowMs = this.#options.now();
    this.#perAddress.take(remoteAddress, nowMs);
    this.#perHandle.take(handle, nowMs);
    this.#forgetOver(nowMs);
    if (this.#pending.size >= PENDING_MAX) throw new ProtocolError('rate-limited', { retryAfterMs: 60_000 });
    // People pass it on a command line, where a word that begins with '-' is an option: hex, not base64url.
    const registrationId = randomBytes(16).toString('hex');
    const code = String(randomInt(10 ** CODE_LENGTH)).padStart(CODE_LENGTH, '0');
    const registration = beginRegistration(registrationId, handle, code, nowMs);
    this.#pending.set(registrationId, registration);
    try {
      await this.#options.verifier.sendCode(handle, code);
    } catch (error) {
      this.#pending.delete(registrationId);
      throw error;
    }
    return {
      registrationId,
      codeLength: CODE_LENGTH,
      expiresAtMs: registration.phase === 'waiting' ? registration.expiresAtMs : nowMs,
    };
  }

  /** @throws ProtocolError `registration-unknown`, `signature-invalid`, `code-wrong`, `code-attempts-exhausted`, `invalid-request` */
  async verify(registrationId: string, request: VerifyRequest): Promise<VerifyReply> {
    const { store, now, onRegistered } = this.#options;
    const pending = this.#pending.get(registrationId);
    if (!pending) throw new ProtocolError('registration-unknown');
    // Keys and proofs before the code: they say nothing about it, and a mistake in them costs no attempt.
    const device = checkedDevice(request, registrationId);
    const { state, effect } = tryCode(pending, registrationId, request.code, now());
    // An exhausted one is kept a while, to say so; one done with is not.
    if (state.phase === 'waiting' || state.phase === 'exhausted') this.#pending.set(registrationId, state);
    else this.#pending.delete(registrationId);
    if (effect.type === 'refuse') throw new ProtocolError(effect.code);
    const { handle } = effect;
    const newAccountId = bytesToBase64url(randomBytes(16)) as AccountId;
    const registered = await store.registerDevice(handle, newAccountId, device, now());
    onRegistered(registered);
    return { ...registered.address, handle, replacedDevices: registered.removed.length > 0 };
  }

  /** In order of their begin, so the first that still waits in time ends the search. */
  #forgetOver(nowMs: number): void {
    for (const [id, registration] of this.#pending) {
      if (registration.phase === 'waiting' && registration.expiresAtMs > nowMs) return;
      this.#pending.delete(id);
    }
  }
}

function checkedDevice(request: VerifyRequest, registrationId: string): NewDevice {
  const { device, proof } = request;
  const identityKey = decoded(device.identityKey);
  if (!isStrictEd25519Key(identityKey)) throw new ProtocolError('invalid-request');
  if (!verifyEd25519(identityKey, registrationProof(registrationId), decoded(proof)))
    throw new ProtocolError('signature-invalid');
  const { id, publicKey, signature } = device.signedPrekey;
  const signedPrekey = { id, publicKey: decoded(publicKey), signature: decoded(signature) };
  checkSignedPrekey(identityKey, signedPrekey);
  const oneTimePrekeys = device.oneTimePrekeys.map((prekey) => ({
    id: prekey.id,
    publicKey: decoded(prekey.publicKey),
  }));
  checkOneTimePrekeys(oneTimePrekeys);
  return { identityKey, signedPrekey, oneTimePrekeys, kemPrekeys: [], lastResortKemPrekey: undefined };
}

/** @throws ProtocolError `invalid-request`, `signature-invalid` */
export function checkSignedPrekey(
  identityKey: Uint8Array,
  prekey: { id: number; publicKey: Uint8Array; signature: Uint8Array },
): void {
  if (!isStrictX25519Key(prekey.publicKey)) throw new ProtocolError('invalid-request');
  if (!verifyEd25519(identityKey, prekeyProof(prekey.id, prekey.publicKey), prekey.signature))
    throw new ProtocolError('signature-invalid');
}

/** @throws ProtocolError `invalid-request` on a bad key or an id given twice */
export function checkOneTimePrekeys(prekeys: readonly Pick<OneTimePrekey, 'id' | 'publicKey'>[]): void {
  const ids = new Set(prekeys.map((prekey) => prekey.id));
  if (ids.size !== prekeys.length || !prekeys.every((prekey) => isStrictX25519Key(prekey.publicKey)))
    throw new ProtocolError('invalid-request');
}

function decoded(text: string): Uint8Array<ArrayBuffer> {
  try {
    return base64urlToBytes(text);
  } catch (cause) {
    throw new ProtocolError('invalid-request', { cause });
  }
}
