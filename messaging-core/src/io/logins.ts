// A device proves that it holds its identity key and gets an access token.
import { randomBytes } from 'node:crypto';
import {
  type Address,
  base64urlToBytes,
  type ChallengeReply,
  loginProof,
  ProtocolError,
  type TokenReply,
  type TokenRequest,
} from '@carillon/protocol';
import { CHALLENGE_LIFE_MS, checkChallenge, makeChallenge, SPENT_CHALLENGES_MAX } from '../core/challenge.ts';
import type { DeviceLookup, MessagingStore } from '../core/messagingStore.ts';
import { verifyEd25519 } from '../core/publicKeys.ts';
import type { TokenKeys } from './tokenKeys.ts';

export interface LoginsOptions {
  readonly store: MessagingStore;
  readonly tokenKeys: TokenKeys;
  readonly now: () => number;
}

export class Logins {
  readonly #options: LoginsOptions;
  /** Of this process: a restart makes the challenges before it worthless. */
  readonly #challengeKey = randomBytes(32);
  /** Challenge to its expiry, in order of expiry but for a minute's disorder. */
  readonly #spent = new Map<string, number>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError `device-unknown`, `device-removed` */
  async challenge(address: Address): Promise<ChallengeReply> {
    const { store, now } = this.#options;
    presentDevice(await store.device(address));
    const expiresAtMs = now() + CHALLENGE_LIFE_MS;
    return { challenge: makeChallenge(this.#challengeKey, address, randomBytes(16), expiresAtMs), expiresAtMs };
  }

  /** @throws ProtocolError `token-invalid`, `token-expired`, `signature-invalid`, `device-unknown`, `device-removed` */
  async token(request: TokenRequest): Promise<TokenReply> {
    const { store, tokenKeys, now } = this.#options;
    const { accountId, deviceId, challenge } = request;
    const address = { accountId, deviceId };
    const check = checkChallenge(this.#challengeKey, address, challenge, now());
    if (!check.ok) throw new ProtocolError(check.code);
    const device = presentDevice(await store.device(address));
    if (!verifyEd25519(device.identityKey, loginProof(challenge), signatureBytes(request.signature)))
      throw new ProtocolError('signature-invalid');
    this.#spend(challenge, check.expiresAtMs);
    return tokenKeys.accessToken(address, now());
  }

  #spend(challenge: string, expiresAtMs: number): void {
    if (this.#spent.has(challenge)) throw new ProtocolError('token-invalid');
    const nowMs = this.#options.now();
    for (const [old, oldExpiresAtMs] of this.#spent) {
      if (oldExpiresAtMs > nowMs) break;
      this.#spent.delete(old);
    }
    if (this.#spent.size >= SPENT_CHALLENGES_MAX) throw new ProtocolError('rate-limited', { retryAfterMs: 10_000 });
    this.#spent.set(challenge, expiresAtMs);
  }
}

/** @throws ProtocolError `device-unknown`, `device-removed` */
export function presentDevice(lookup: DeviceLookup): Extract<DeviceLookup, { type: 'present' }> {
  if (lookup.type === 'present') return lookup;
  throw new ProtocolError(lookup.type === 'removed' ? 'device-removed' : 'device-unknown');
}

function signatureBytes(text: string): Uint8Array<ArrayBuffer> {
  try {
    return base64urlToBytes(text);
  } catch (cause) {
    throw new ProtocolError('invalid-request', { cause });
  }
}
