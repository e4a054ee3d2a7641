// A device proves that it holds its identity key and gets an access token.
import { randomBytes } from 'node:crypto';
import {
  type Address,
  base64urlToBytes,
  bytesToBase64url,
  type ChallengeReply,
  loginProof,
  ProtocolError,
  type TokenReply,
  type TokenRequest,
} from '@carillon/protocol';
import { CHALLENGE_LIFE_MS, challengeKeyEpoch, checkChallenge, expiryOf, makeChallenge } from '../core/challenge.ts';
import { decoded } from '../core/deviceKeys.ts';
import type { DeviceLookup, MessagingStore } from '../core/messagingStore.ts';
import { verifyEd25519 } from '../core/publicKeys.ts';
import type { ShortLived } from '../core/shortLived.ts';
import type { TokenKeys } from './tokenKeys.ts';

/** Keys of challenges follow one another; one is there as long as challenges made with it may come back. */
const KEY_LIFE_MS = 3 * 3600_000;
/** Keys this node remembers: the present one and the one before. */
const KEYS_KEPT = 2;

export interface LoginsOptions {
  readonly store: MessagingStore;
  readonly shortLived: ShortLived;
  readonly tokenKeys: TokenKeys;
  readonly now: () => number;
}

export class Logins {
  readonly #options: LoginsOptions;
  readonly #keys = new Map<string, Uint8Array>();

  constructor(options: LoginsOptions) {
    this.#options = options;
  }

  /** @throws ProtocolError `device-unknown`, `device-removed` */
  async challenge(address: Address): Promise<ChallengeReply> {
    const { store, shortLived, now } = this.#options;
    presentDevice(await store.device(address));
    const expiresAtMs = now() + CHALLENGE_LIFE_MS;
    const epoch = challengeKeyEpoch(expiresAtMs);
    const key =
      this.#keys.get(epoch) ??
      this.#keep(
        epoch,
        // Whichever node is first makes it: any node then knows the challenges of the others.
        await shortLived.getOrPut('challenge-key', epoch, bytesToBase64url(randomBytes(32)), KEY_LIFE_MS),
      );
    return { challenge: makeChallenge(key, address, randomBytes(16), expiresAtMs), expiresAtMs };
  }

  /** @throws ProtocolError `token-invalid`, `token-expired`, `signature-invalid`, `device-unknown`, `device-removed` */
  async token(request: TokenRequest): Promise<TokenReply> {
    const { store, tokenKeys, now } = this.#options;
    const { accountId, deviceId, challenge } = request;
    const address = { accountId, deviceId };
    const key = await this.#keyOf(challenge);
    const check = checkChallenge(key, address, challenge, now());
    if (!check.ok) throw new ProtocolError(check.code);
    const device = presentDevice(await store.device(address));
    if (!verifyEd25519(device.identityKey, loginProof(challenge), decoded(request.signature)))
      throw new ProtocolError('signature-invalid');
    await this.#spend(challenge, check.expiresAtMs);
    return tokenKeys.accessToken(address);
  }

  async #keyOf(challenge: string): Promise<Uint8Array> {
    const expiresAtMs = expiryOf(challenge);
    if (expiresAtMs === undefined) throw new ProtocolError('token-invalid');
    const epoch = challengeKeyEpoch(expiresAtMs);
    const known = this.#keys.get(epoch);
    if (known) return known;
    const text = await this.#options.shortLived.get('challenge-key', epoch);
    // Never made, or long gone: nothing can be a challenge of it.
    if (text === undefined) throw new ProtocolError('token-invalid');
    return this.#keep(epoch, text);
  }

  #keep(epoch: string, text: string): Uint8Array {
    const key = base64urlToBytes(text);
    this.#keys.set(epoch, key);
    if (this.#keys.size > KEYS_KEPT) this.#keys.delete(this.#keys.keys().next().value!);
    return key;
  }

  /** Only who comes first has used it, on whichever node. */
  async #spend(challenge: string, expiresAtMs: number): Promise<void> {
    const { shortLived, now } = this.#options;
    const mine = randomBytes(8).toString('hex');
    const lifeMs = Math.max(1, expiresAtMs - now());
    if ((await shortLived.getOrPut('spent-challenge', challenge, mine, lifeMs)) !== mine)
      throw new ProtocolError('token-invalid');
  }
}

/** @throws ProtocolError `device-unknown`, `device-removed` */
export function presentDevice(lookup: DeviceLookup): Extract<DeviceLookup, { type: 'present' }> {
  if (lookup.type === 'present') return lookup;
  throw new ProtocolError(lookup.type === 'removed' ? 'device-removed' : 'device-unknown');
}
