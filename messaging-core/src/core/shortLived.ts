// The port to what lives for seconds or minutes and is shared by the nodes of
// one system: codes under way, challenges, link codes, nodes' public keys, when a device was woken. Losing
// it costs somebody a second attempt, never a message.
// test/shortLivedContract.ts holds every adapter to this.

export type ShortLivedKind = 'registration' | 'challenge-key' | 'spent-challenge' | 'link' | 'jwk' | 'revoked' | 'wake';

/**
 * Values of a kind there may be at once, in the whole system. More costs memory (about 300 bytes each), fewer turns
 * honest people away while somebody floods.
 */
export const SHORT_LIVED_MAX: Readonly<Record<ShortLivedKind, number>> = {
  registration: 20_000,
  'challenge-key': 64,
  'spent-challenge': 200_000,
  link: 20_000,
  jwk: 1_000,
  revoked: 20_000,
  wake: 200_000,
};

export interface ShortLived {
  /** @throws ProtocolError `rate-limited` when this kind holds as many as it may */
  put(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<void>;
  get(kind: ShortLivedKind, key: string): Promise<string | undefined>;
  /** Puts it in place only if there is none; returns what is there now. */
  getOrPut(kind: ShortLivedKind, key: string, value: string, lifeMs: number): Promise<string>;
  /** Gets and deletes, so that only one caller has it. */
  take(kind: ShortLivedKind, key: string): Promise<string | undefined>;
  /** Replaces it if it still is `before`; its end stays. */
  replace(kind: ShortLivedKind, key: string, before: string, after: string): Promise<boolean>;
  /** Everything of a kind that has few: keys, revocations. */
  list(kind: ShortLivedKind): Promise<readonly { readonly key: string; readonly value: string }[]>;
  close(): Promise<void>;
}
