// A device's long-term and one-time keys, and what it publishes of them.
import { prekeyProof } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Ed25519. Signs; its X25519 form takes part in key agreement. */
export interface Identity {
  readonly seed: Bytes;
  readonly publicKey: Bytes;
}

export interface SignedPrekeyPair extends KeyPair {
  readonly id: number;
  /** Ed25519 by the identity over `prekeyProof(id, publicKey)`. */
  readonly signature: Bytes;
}

export interface OneTimePrekeyPair extends KeyPair {
  readonly id: number;
}

/** What a peer fetches to start a session; a DeviceBundle of the wire fits. */
export interface PrekeyBundle {
  readonly identityKey: Uint8Array;
  readonly signedPrekey: { readonly id: number; readonly publicKey: Uint8Array; readonly signature: Uint8Array };
  readonly oneTimePrekey?: { readonly id: number; readonly publicKey: Uint8Array } | undefined;
}

export function createIdentity(provider: CryptoProvider): Identity {
  const seed = provider.randomBytes(32);
  return { seed, publicKey: provider.ed25519PublicKey(seed) };
}

/** @param id 1 to 2^31 - 1 */
export function createSignedPrekey(provider: CryptoProvider, identity: Identity, id: number): SignedPrekeyPair {
  const pair = provider.x25519KeyPair(provider.randomBytes(32));
  return { id, ...pair, signature: provider.ed25519Sign(identity.seed, prekeyProof(id, pair.publicKey)) };
}

/** Ids `firstId`, `firstId + 1`, ...; at most 2^31 - 1. */
export function createOneTimePrekeys(provider: CryptoProvider, firstId: number, count: number): OneTimePrekeyPair[] {
  return Array.from({ length: count }, (_, i) => ({
    id: firstId + i,
    ...provider.x25519KeyPair(provider.randomBytes(32)),
  }));
}

/** @throws E2eeError bad-signature */
export function verifySignedPrekey(
  provider: CryptoProvider,
  identityKey: Uint8Array,
  prekey: PrekeyBundle['signedPrekey'],
): void {
  const authentic =
    prekey.publicKey.length === 32 &&
    provider.ed25519Verify(identityKey, prekeyProof(prekey.id, prekey.publicKey), prekey.signature);
  if (!authentic) throw new E2eeError('bad-signature', 'the signed prekey is not signed by this identity');
}
