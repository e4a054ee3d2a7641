// A device's long-term and one-time keys, and what it publishes of them.
import { kemPrekeyProof, prekeyProof } from '@carillon/protocol';
import { E2eeError } from './errors.ts';
import type { CryptoProvider, KeyPair } from './provider.ts';

type Bytes = Uint8Array<ArrayBuffer>;

const KEM_SEED_BYTES = 64;
const KEM_PUBLIC_KEY_BYTES = 1_568;

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

/** ML-KEM-1024; the private key is its 64-byte seed. The public key is of no use here once it is published. */
export interface KemPrekeyPair extends KeyPair {
  readonly id: number;
  /** Ed25519 by the identity over `kemPrekeyProof(id, publicKey)`. */
  readonly signature: Bytes;
}

/** What has to be kept of a KEM prekey to open what is sealed to it. */
export interface KemPrekeySecret {
  /** The 64-byte seed. */
  readonly privateKey: Bytes;
  /** It stays after use; a one-time one is deleted. */
  readonly lastResort: boolean;
}

/** A public key that its identity has signed. */
export interface SignedPublicKey {
  readonly id: number;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a peer fetches to start a session; a DeviceBundle of the wire fits. */
export interface PrekeyBundle {
  readonly identityKey: Uint8Array;
  readonly signedPrekey: SignedPublicKey;
  /** One-time or of last resort: only who published it knows. */
  readonly kemPrekey: SignedPublicKey;
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

/** Ids `firstId`, `firstId + 1`, ...; at most 2^31 - 1. */
export function createKemPrekeys(
  provider: CryptoProvider,
  identity: Identity,
  firstId: number,
  count: number,
): KemPrekeyPair[] {
  return Array.from({ length: count }, (_, i) => {
    const id = firstId + i;
    const pair = provider.kemKeyPair(provider.randomBytes(KEM_SEED_BYTES));
    return { id, ...pair, signature: provider.ed25519Sign(identity.seed, kemPrekeyProof(id, pair.publicKey)) };
  });
}

/** One that the server gives out when the one-time ones have run out. Its id is of the same series as theirs. */
export function createLastResortKemPrekey(provider: CryptoProvider, identity: Identity, id: number): KemPrekeyPair {
  return createKemPrekeys(provider, identity, id, 1)[0]!;
}

/** @throws E2eeError bad-signature */
export function verifyKemPrekey(provider: CryptoProvider, identityKey: Uint8Array, prekey: SignedPublicKey): void {
  const authentic =
    prekey.publicKey.length === KEM_PUBLIC_KEY_BYTES &&
    provider.ed25519Verify(identityKey, kemPrekeyProof(prekey.id, prekey.publicKey), prekey.signature);
  if (!authentic) throw new E2eeError('bad-signature', 'the KEM prekey is not signed by this identity');
}

/** @throws E2eeError bad-signature */
export function verifySignedPrekey(provider: CryptoProvider, identityKey: Uint8Array, prekey: SignedPublicKey): void {
  const authentic =
    prekey.publicKey.length === 32 &&
    provider.ed25519Verify(identityKey, prekeyProof(prekey.id, prekey.publicKey), prekey.signature);
  if (!authentic) throw new E2eeError('bad-signature', 'the signed prekey is not signed by this identity');
}
