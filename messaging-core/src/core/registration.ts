// One attempt to register a handle. A code was sent to the handle's owner; the
// registration waits for it.
//
//   waiting --right code, in time--------> confirmed
//   waiting --wrong code, attempts left--> waiting
//   waiting --wrong code, none left------> exhausted
//   waiting --any code, too late---------> expired
//
// Confirmed, exhausted and expired are final, and forgotten by whoever keeps
// the state: asked again, they are as unknown as one that never was. Six digits
// and five attempts give a guesser 5 chances in a million per code; how many
// codes a handle is sent is limited outside.
import { createHash, timingSafeEqual } from 'node:crypto';
import type { ErrorCode, Handle } from '@carillon/protocol';

export const CODE_LENGTH = 6;
/** More forgives more typing errors, and multiplies a guesser's chance. */
export const CODE_ATTEMPTS_MAX = 5;
/** Longer forgives a slow SMS, and keeps a read-over-the-shoulder code useful. */
export const CODE_LIFE_MS = 10 * 60_000;

export type Registration =
  | {
      readonly phase: 'waiting';
      readonly handle: Handle;
      readonly codeDigest: Uint8Array;
      readonly attemptsLeft: number;
      readonly expiresAtMs: number;
    }
  | { readonly phase: 'confirmed' }
  | { readonly phase: 'exhausted' }
  | { readonly phase: 'expired' };

export type RegistrationEffect =
  | { readonly type: 'accept'; readonly handle: Handle }
  | { readonly type: 'refuse'; readonly code: ErrorCode };

export interface RegistrationStep {
  readonly state: Registration;
  readonly effect: RegistrationEffect;
}

/** Bound to the registration, so that equal codes do not show as equal. */
function digestOf(registrationId: string, code: string): Uint8Array {
  return createHash('sha256').update(`${registrationId}\0${code}`).digest();
}

export function beginRegistration(registrationId: string, handle: Handle, code: string, nowMs: number): Registration {
  return {
    phase: 'waiting',
    handle,
    codeDigest: digestOf(registrationId, code),
    attemptsLeft: CODE_ATTEMPTS_MAX,
    expiresAtMs: nowMs + CODE_LIFE_MS,
  };
}

export function tryCode(state: Registration, registrationId: string, code: string, nowMs: number): RegistrationStep {
  switch (state.phase) {
    case 'confirmed':
    case 'expired':
      return { state, effect: { type: 'refuse', code: 'registration-unknown' } };
    case 'exhausted':
      return { state, effect: { type: 'refuse', code: 'code-attempts-exhausted' } };
    case 'waiting': {
      if (nowMs >= state.expiresAtMs)
        return { state: { phase: 'expired' }, effect: { type: 'refuse', code: 'registration-unknown' } };
      if (timingSafeEqual(digestOf(registrationId, code), state.codeDigest))
        return { state: { phase: 'confirmed' }, effect: { type: 'accept', handle: state.handle } };
      const attemptsLeft = state.attemptsLeft - 1;
      if (attemptsLeft === 0)
        return { state: { phase: 'exhausted' }, effect: { type: 'refuse', code: 'code-attempts-exhausted' } };
      return { state: { ...state, attemptsLeft }, effect: { type: 'refuse', code: 'code-wrong' } };
    }
    default:
      return state satisfies never;
  }
}

/** The form in which a registration is kept: the same state is always the same text. */
export function registrationText(state: Registration): string {
  return JSON.stringify(
    state.phase === 'waiting' ? { ...state, codeDigest: Buffer.from(state.codeDigest).toString('hex') } : state,
  );
}

/** Of what `registrationText` made. */
export function registrationFrom(text: string): Registration {
  const state = JSON.parse(text) as Registration;
  if (state.phase !== 'waiting') return state;
  return { ...state, codeDigest: Buffer.from(state.codeDigest as unknown as string, 'hex') };
}
